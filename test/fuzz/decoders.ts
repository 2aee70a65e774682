/** Every decoder there is, by name: what `npm run fuzz` runs, and what a test compares with the source. */
import { contentDecoders } from './content-decoders.ts'
import { controlDecoders } from './control-decoders.ts'
import type { Decoder } from './fuzz.ts'
import { machineDecoders } from './machine-decoders.ts'
import { packetDecoders } from './packet-decoders.ts'
import { readerDecoders } from './reader-decoders.ts'
import { sealedDecoders } from './sealed-decoders.ts'
import { syncDecoders } from './sync-decoders.ts'
import { textDecoders } from './text-decoders.ts'
import { wireDecoders } from './wire-decoders.ts'

export const decoders: readonly Decoder[] = [
  ...wireDecoders,
  ...textDecoders,
  ...readerDecoders,
  ...sealedDecoders,
  ...machineDecoders,
  ...packetDecoders,
  ...syncDecoders,
  ...contentDecoders,
  ...controlDecoders,
]
