/** The registry's entries for blocks over the control socket. */
import { sha256Cid } from '../../src/content/block.ts'
import {
  type BlocksRequest,
  decodeBlocksInput,
  decodeBlocksOutput,
  decodeBlocksRequest,
  encodeBlock,
  encodeJson,
  encodeWant,
} from '../../src/protocols/control/blocks.ts'
import { formatCid } from '../../src/wire/cid.ts'

import { codesOf, type Decoder } from './fuzz.ts'

const cid = sha256Cid(0x55, Uint8Array.of(1, 2, 3))
const text = formatCid(cid)
const words = ['"do":', '"get"', '"put"', '"gc"', '"cid":', '"offline":', 'true', 'null', text]
const wireCodes = [
  'GH_CONTROL_REQUEST',
  'GH_BLOCK_TOO_LARGE',
  'GH_CID_INVALID',
  'GH_CID_UNSUPPORTED',
] as const
const refused = codesOf(...wireCodes, 'GH_WIRE_SHORT', 'GH_WIRE_LONG', 'GH_WIRE_VALUE', 'GH_WIRE_VARINT')

export const controlDecoders: readonly Decoder[] = [
  {
    name: 'control-blocks-request',
    covers: ['decodeBlocksRequest'],
    corpus: () =>
      (
        [
          { do: 'get', offline: true },
          { do: 'put', announce: false, undo: true },
          { do: 'pin', cid: text, direct: true },
          { do: 'gc' },
        ] as BlocksRequest[]
      ).map(encodeJson),
    words,
    text: true,
    decode: decodeBlocksRequest,
    encode: encodeJson,
    form: 'mean',
    refuses: codesOf('GH_CONTROL_REQUEST'),
  },
  ...(['put', 'get'] as const).map(
    (action): Decoder => ({
      name: `control-blocks-${action}`,
      covers: ['decodeBlocksInput'],
      corpus: () =>
        action === 'put'
          ? [encodeBlock(cid, Uint8Array.of(1, 2, 3)), encodeJson({ pin: text })]
          : [encodeWant(cid)],
      words: ['{"pin":', text],
      decode: input => {
        const { kind } = decodeBlocksInput(action, input)
        return kind === 'pin' ? undefined : input.slice()
      },
      form: 'mean',
      refuses: refused,
    }),
  ),
  {
    name: 'control-blocks-output',
    covers: ['decodeBlocksOutput'],
    corpus: () => [
      encodeBlock(cid, Uint8Array.of(1, 2, 3)),
      encodeJson({ missing: text, error: { code: 'GH_BLOCK_MISSING', detail: text } }),
      encodeJson({ done: { blocks: 3 } }),
      encodeJson({ pin: { cid: text, recursive: true } }),
    ],
    words: ['{"done":', '"error":', '"code":', '"detail":', '"GH_INTERNAL"'],
    decode: input => {
      decodeBlocksOutput(input)
      return undefined
    },
    form: 'mean',
    refuses: refused,
  },
]
