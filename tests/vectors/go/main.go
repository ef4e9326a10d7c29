// Checks signed.json in Go: golang/protobuf encodes the same bytes, the standard library verifies the same signatures.
// Run by tests/unit/test_vectors.py as `go run . SIGNED_JSON DESCRIPTORS`. Go's standard library has no secp256k1.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type vectors struct {
	Deployment string
	Keys       []struct{ Scheme, Public string }
	Accepted   []accepted
	Misused    []struct{ Name, Type, Deployment, Body, Scheme, Signature string }
}

type accepted struct {
	Name, Type, Message, Body string
	Fields                    json.RawMessage
	Payload                   *struct {
		Message string
		Fields  json.RawMessage
	}
	SignedMessage string `json:"signed_message"`
	Signatures    []struct{ Scheme, Signature string }
}

type checker struct {
	files  *protoregistry.Files
	keys   map[string][]byte
	checks int
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func unhex(text string) []byte { return must(hex.DecodeString(text)) }

func (c *checker) same(actual, expected, what string) {
	if actual != expected {
		log.Fatalf("%s: %s instead of %s", what, actual, expected)
	}
	c.checks++
}

// encode is the ordinary encoder: protojson in, proto.Marshal out.
func (c *checker) encode(message string, fields []byte) []byte {
	name := protoreflect.FullName("custody.api.signed.v1." + message)
	found := must(c.files.FindDescriptorByName(name)).(protoreflect.MessageDescriptor)
	made := dynamicpb.NewMessage(found)
	if err := protojson.Unmarshal(fields, made); err != nil {
		log.Fatal(err)
	}
	return must(proto.MarshalOptions{Deterministic: true}.Marshal(made))
}

func signedMessage(signedType string, deployment, body []byte) []byte {
	message := append([]byte("custody/"+signedType+"/v1\x00"), deployment...)
	message = binary.BigEndian.AppendUint64(message, uint64(len(body)))
	return append(message, body...)
}

func sshString(part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(part))), part...)
}

func sshStrings(blob []byte) (parts [][]byte) {
	for len(blob) >= 4 {
		end := 4 + binary.BigEndian.Uint32(blob)
		parts = append(parts, blob[4:end])
		blob = blob[end:]
	}
	return parts
}

func verifySSH(enrolled, message, blob []byte) bool {
	rest, found := bytes.CutPrefix(blob, []byte("SSHSIG\x00\x00\x00\x01"))
	parts := sshStrings(rest)
	if !found || len(parts) != 5 || !bytes.Equal(parts[0], enrolled) || string(parts[1]) != "custody/v1" ||
		len(parts[2]) != 0 || string(parts[3]) != "sha512" {
		return false
	}
	digest := sha512.Sum512(message)
	data := []byte("SSHSIG")
	for _, part := range [][]byte{parts[1], parts[2], parts[3], digest[:]} {
		data = append(data, sshString(part)...)
	}
	return ed25519.Verify(sshStrings(enrolled)[1], data, sshStrings(parts[4])[1])
}

// verify says whether the scheme is one of Go's, and then whether the signature holds.
func (c *checker) verify(scheme string, message, signature []byte) (known, valid bool) {
	key := c.keys[scheme]
	switch scheme {
	case "ed25519":
		return true, ed25519.Verify(key, message, signature)
	case "sshsig":
		return true, verifySSH(key, message, signature)
	case "ecdsa-p256-sha256":
		number := func(part []byte) *big.Int { return new(big.Int).SetBytes(part) }
		public := ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key[1:33]), Y: number(key[33:])}
		digest := sha256.Sum256(message)
		return true, ecdsa.Verify(&public, digest[:], number(signature[:32]), number(signature[32:]))
	}
	return false, false
}

func (c *checker) accept(item accepted, deployment []byte) {
	if item.Payload != nil {
		var fields struct{ Body string }
		if err := json.Unmarshal(item.Fields, &fields); err != nil {
			log.Fatal(err)
		}
		payload := c.encode(item.Payload.Message, item.Payload.Fields)
		c.same(base64.StdEncoding.EncodeToString(payload), fields.Body, item.Name+": payload")
	}
	body := c.encode(item.Message, item.Fields)
	c.same(hex.EncodeToString(body), item.Body, item.Name+": body")
	message := signedMessage(item.Type, deployment, body)
	c.same(hex.EncodeToString(message), item.SignedMessage, item.Name+": message")
	for _, signature := range item.Signatures {
		if known, valid := c.verify(signature.Scheme, message, unhex(signature.Signature)); known {
			c.same(fmt.Sprint(valid), "true", item.Name+": "+signature.Scheme)
		}
	}
}

func main() {
	log.SetFlags(0)
	var whole vectors
	if err := json.Unmarshal(must(os.ReadFile(os.Args[1])), &whole); err != nil {
		log.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(must(os.ReadFile(os.Args[2])), &set); err != nil {
		log.Fatal(err)
	}
	check := checker{files: must(protodesc.NewFiles(&set)), keys: map[string][]byte{}}
	for _, key := range whole.Keys {
		check.keys[key.Scheme] = unhex(key.Public)
	}
	for _, item := range whole.Accepted {
		check.accept(item, unhex(whole.Deployment))
	}
	for _, item := range whole.Misused {
		message := signedMessage(item.Type, unhex(item.Deployment), unhex(item.Body))
		if known, valid := check.verify(item.Scheme, message, unhex(item.Signature)); known {
			check.same(fmt.Sprint(valid), "false", item.Name)
		}
	}
	fmt.Printf("%d checks passed\n", check.checks)
}
