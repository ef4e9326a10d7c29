"""What the server's and the signer's gRPC sides share: who calls, what an error looks like, what is logged."""
