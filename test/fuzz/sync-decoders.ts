/** The registry's entries for the log: dag-cbor, entries, and the messages of sync. */

import { nativeSuite } from '../../src/crypto/native.ts'
import { readRow } from '../../src/protocols/sync/page.ts'
import * as wire from '../../src/wire/index.ts'
import { anyCbor } from '../support/sync-arbitraries.ts'
import { syncCodecs } from '../support/sync-codecs.ts'
import { drawn, messages } from './corpus.ts'
import type { Decoder } from './fuzz.ts'

const covers: Readonly<Record<string, readonly string[]>> = {
  'log-entry': ['decodeEntry', 'readEntry', 'readBytes', 'readText', 'readNull', 'readUint'],
  'sync-pull': ['decodeSyncPull', 'readTruth', 'readKey'],
  'sync-batch': ['decodeSyncBatch'],
  'entries-push': ['decodeEntriesPush'],
  'push-ack': ['decodePushAck'],
}

export const syncDecoders: readonly Decoder[] = [
  ...Object.entries(syncCodecs).map(([name, { decode, encode }]): Decoder => {
    const form = name === 'log-entry' ? 'same' : 'mean'
    return { name, covers: covers[name]!, corpus: () => messages(name), decode, encode, form, owns: true }
  }),
  {
    name: 'log-cbor',
    covers: ['decodeCbor', 'readHead', 'readOf'],
    corpus: () => drawn(anyCbor, 60).map(value => wire.encodeCbor(value)),
    decode: input => wire.decodeCbor(input),
    encode: value => wire.encodeCbor(value),
    form: 'mean', // a float that is whole comes back as a whole number
    owns: true,
  },
  {
    name: 'log-row',
    covers: ['readRow'],
    corpus: () => messages('log-entry'),
    decode: input => {
      readRow({ ingestSeq: 1, author: 1, authorSeq: 7, bytes: input }, (...parts) =>
        nativeSuite.hash(...parts),
      )
    },
    refuses: error => (error as { code?: unknown }).code === 'GH_LOG_DAMAGED',
    sealed: true,
  },
]
