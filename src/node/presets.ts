/**
 * Options for three places, as plain objects: spread one and change what you like.
 *
 *   createNode({ ...lan, name: 'alice' })
 *
 * Floor: node.
 */
import type { NodeOptions } from './options.ts'

/** One network of people: the defaults, with peers doubted sooner. */
export const lan: Readonly<NodeOptions> = Object.freeze({ interval: 2, peerTimeout: 15, connectTimeout: 5 })

/** Across the internet: patience with paths that come and go. */
export const wan: Readonly<NodeOptions> = Object.freeze({
  interval: 10,
  peerTimeout: 120,
  connectTimeout: 20,
})

/** For tests: this machine only, nothing on disk but what you name, quick to notice. */
export const test: Readonly<NodeOptions> = Object.freeze({
  host: '127.0.0.1',
  mdns: false,
  interval: 0.5,
  peerTimeout: 3,
  connectTimeout: 3,
})
