"""The well-known libraries that benches compare with, each used as its own users would use it at its best."""
