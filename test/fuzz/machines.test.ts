/** P14, the short form: mutated input into whole machines, in the clear and sealed. */
import { machineDecoders } from './machine-decoders.ts'
import { packetDecoders } from './packet-decoders.ts'
import { sealedDecoders } from './sealed-decoders.ts'
import { shortForm } from './short.ts'

shortForm([...sealedDecoders, ...machineDecoders, ...packetDecoders])
