/**
 * Cryptography, twice: `nativeSuite` on node:crypto, `nobleSuite` everywhere.
 *
 * A browser imports `noble.ts` by itself; this file is for Node.
 *
 * Floor: crypto. Page: protocol/handshake.md.
 */
export { swarmKeyFingerprint } from './fingerprint.ts'
export { nativeSuite } from './native.ts'
export { nobleSuite } from './noble.ts'
