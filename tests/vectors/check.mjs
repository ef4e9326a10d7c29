// Checks signed.json on Node: protobuf-es encodes the same bytes, node:crypto and noble verify the same signatures.
// Run by tests/unit/test_vectors.py as `node check.mjs DESCRIPTORS`.
import crypto from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../tools/package.json', import.meta.url))
const { createFileRegistry, fromBinary, fromJson, toBinary } = require('@bufbuild/protobuf')
const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt')
const { secp256k1, schnorr } = require('@noble/curves/secp256k1')
const { keccak_256 } = require('@noble/hashes/sha3')

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])))
const vectors = JSON.parse(readFileSync(new URL('signed.json', import.meta.url), 'utf8'))
const keys = Object.fromEntries(vectors.keys.map((key) => [key.scheme, Buffer.from(key.public, 'hex')]))
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest()
let checked = 0

function same(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${actual} instead of ${expected}`)
  checked += 1
}

function encode(message, fields) {
  const schema = registry.getMessage(`custody.api.signed.v1.${message}`)
  return Buffer.from(toBinary(schema, fromJson(schema, fields)))
}

function signedMessage(type, deployment, body) {
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(body.length))
  return Buffer.concat([Buffer.from(`custody/${type}/v1\0`), Buffer.from(deployment, 'hex'), length, body])
}

function signingInput(scheme, message) {
  if (scheme === 'bip340') return sha256(message)
  if (scheme !== 'ethereum') return message
  return Buffer.from(keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${message.length}`), message])))
}

const edwardsKey = (raw) =>
  crypto.createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') } })

function p256Key(point) {
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  return crypto.createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } })
}

function* sshStrings(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at)
    yield bytes.subarray(at + 4, end)
    at = end
  }
}

function sshString(bytes) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function verifySsh(enrolled, message, blob) {
  if (blob.subarray(0, 10).toString('hex') !== Buffer.from('SSHSIG\0\0\0\x01').toString('hex')) return false
  const [key, namespace, reserved, algorithm, signature] = sshStrings(blob.subarray(10))
  if (!key.equals(enrolled) || `${namespace}|${reserved}|${algorithm}` !== 'custody/v1||sha512') return false
  const digest = crypto.createHash('sha512').update(message).digest()
  const parts = [namespace, reserved, algorithm, digest].map(sshString)
  const [, raw] = sshStrings(signature)
  return crypto.verify(null, Buffer.concat([Buffer.from('SSHSIG'), ...parts]), edwardsKey([...sshStrings(key)][1]), raw)
}

function verify(scheme, message, signature) {
  const [key, input] = [keys[scheme], signingInput(scheme, message)]
  switch (scheme) {
    case 'ed25519':
      return crypto.verify(null, input, edwardsKey(key), signature)
    case 'ecdsa-p256-sha256':
      return crypto.verify('sha256', input, { key: p256Key(key), dsaEncoding: 'ieee-p1363' }, signature)
    case 'ecdsa-secp256k1-sha256':
      return secp256k1.verify(signature, sha256(input), key, { lowS: true })
    case 'bip340':
      return schnorr.verify(signature, input, key)
    case 'ethereum': {
      const compact = secp256k1.Signature.fromCompact(signature.subarray(0, 64))
      const point = compact.addRecoveryBit(signature[64] - 27).recoverPublicKey(input).toRawBytes(false)
      return Buffer.from(keccak_256(point.subarray(1)).subarray(12)).equals(key)
    }
    case 'sshsig':
      return verifySsh(key, message, signature)
    default:
      throw new Error(`no scheme ${scheme}`)
  }
}

for (const item of vectors.accepted) {
  if (item.payload) {
    const payload = encode(item.payload.message, item.payload.fields)
    same(payload.toString('base64'), item.fields.body, `${item.name}: payload`)
  }
  const body = encode(item.message, item.fields)
  same(body.toString('hex'), item.body, `${item.name}: body`)
  const message = signedMessage(item.type, vectors.deployment, body)
  same(message.toString('hex'), item.signed_message, `${item.name}: message`)
  for (const { scheme, input_sha256, signature } of item.signatures) {
    same(sha256(signingInput(scheme, message)).toString('hex'), input_sha256, `${item.name}: ${scheme} input`)
    same(verify(scheme, message, Buffer.from(signature, 'hex')), true, `${item.name}: ${scheme} signature`)
  }
}
for (const { name, type, deployment, body, scheme, signature } of vectors.misused) {
  const message = signedMessage(type, deployment, Buffer.from(body, 'hex'))
  same(verify(scheme, message, Buffer.from(signature, 'hex')), false, name)
}
console.log(`${checked} checks passed`)
