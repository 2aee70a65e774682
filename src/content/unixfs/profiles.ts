/**
 * Profiles: the choices that decide which CID a file gets.
 *
 *                     chunk     links  leaves   CID  a directory is sharded above 256 KiB of
 *   kubo-v1           256 KiB   174    raw      v1   names and CIDs
 *   unixfs-v1-2025    1 MiB     1,024  raw      v1   its block
 *   unixfs-v0-2015    256 KiB   174    dag-pb   v0   names and CIDs
 *
 * The first is what other tools do when nobody tells them otherwise, the second what IPIP-0499 asks
 * everybody to support, the third what the oldest links were made with.
 *
 * Page: protocol/block.md (spec: UNIXFS-1) · Vectors: unixfs/expected-cids.json · Floor: content.
 */
export interface Profile {
  readonly name: string
  readonly version: 0 | 1
  readonly rawLeaves: boolean
  /** Bytes of a leaf, but for the last one. */
  readonly chunk: number
  /** Children of a node of a file. */
  readonly links: number
  /** What of a directory is measured against `SHARD_ABOVE`. */
  readonly measure: 'links' | 'block'
}

/** Strictly above it, in bytes. */
export const SHARD_ABOVE = 262_144
/** Places of a shard; one byte of the name's hash chooses. */
export const FANOUT = 256

export const profiles = {
  'kubo-v1': {
    name: 'kubo-v1',
    version: 1,
    rawLeaves: true,
    chunk: 262_144,
    links: 174,
    measure: 'links',
  },
  'unixfs-v1-2025': {
    name: 'unixfs-v1-2025',
    version: 1,
    rawLeaves: true,
    chunk: 1_048_576,
    links: 1_024,
    measure: 'block',
  },
  'unixfs-v0-2015': {
    name: 'unixfs-v0-2015',
    version: 0,
    rawLeaves: false,
    chunk: 262_144,
    links: 174,
    measure: 'links',
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles
