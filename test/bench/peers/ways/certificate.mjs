/**
 * A self-signed certificate, P-256, made on the spot: node:tls wants one and Node makes none.
 *
 * Source: RFC 5280, section 4.1. No extensions; the other side pins it as it is.
 */
import { generateKeyPairSync, sign } from 'node:crypto'

const YEAR = 365 * 24 * 3_600_000
const ecdsaWithSha256 = node(0x30, node(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
const commonName = Buffer.from('550403', 'hex')

/** @returns {{ key: string, certificate: string }} both PEM */
export function identity() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = node(0x30, node(0x31, node(0x30, node(0x06, commonName), node(0x0c, Buffer.from('beside')))))
  const signed = node(
    0x30,
    node(0xa0, node(0x02, Buffer.of(2))),
    node(0x02, Buffer.of(1)),
    ecdsaWithSha256,
    name,
    node(0x30, time(Date.now() - YEAR), time(Date.now() + YEAR)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', signed, privateKey)
  const whole = node(0x30, signed, ecdsaWithSha256, node(0x03, Buffer.of(0), signature))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  }
}

/**
 * Tag, length, content.
 *
 * @param {number} tag
 * @param {Uint8Array[]} parts
 */
function node(tag, ...parts) {
  const content = Buffer.concat(parts)
  const { length } = content
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}

/** @param {number} at milliseconds */
function time(at) {
  const digits = new Date(at).toISOString().replace(/\D/g, '').slice(2, 14)
  return node(0x17, Buffer.from(`${digits}Z`))
}
