/**
 * Seeds that once failed. They run before all others, in the suite and in `npm run sim`.
 *
 * A row joins when its fault is found and stays when it is mended. After a change to what a
 * scenario draws, a seed tells another story than it did: that is no reason to take it out.
 */
import type { Form } from '../../src/testing/index.ts'

export interface FailedSeed {
  readonly case: string
  readonly seed: string
  /** What is enough to show it, where the whole run is not needed. */
  readonly form?: Form
  /** What it was. */
  readonly was: string
}

export const failedSeeds: readonly FailedSeed[] = [
  {
    case: 'swarm',
    seed: '0x52',
    was: 'a full node that had been gone stayed unknown, so nobody passed chat on to it',
  },
  {
    case: 'swarm',
    seed: '0x5b',
    was: 'all had as many links and lacked each other: nobody passed chat on',
  },
  {
    case: 'swarm',
    seed: '0x46',
    was: 'everybody was named as bootstrap, so full nodes gave no place to one that was alone',
  },
  {
    case: 'swarm',
    seed: '0xa7',
    was: 'a bootstrap node came back knowing nobody, and full nodes did not dial it',
  },
  {
    case: 'udp-swarm',
    seed: '0x21',
    was: 'a dial in datagrams that failed was never reported, and so never tried again',
  },
  {
    case: 'udp-swarm',
    seed: '0x6',
    was: 'with two swarm keys only the first was tried in datagrams, where nobody refuses it',
  },
  {
    case: 'rebind-port',
    seed: '0x1',
    was: 'a reader whose address changed between two acknowledgements said nothing for five seconds',
  },
  {
    case: 'connection-migration',
    seed: '0xa',
    was: 'a peer that moved while somebody sent its packets on from elsewhere was asked too late',
  },
  {
    case: 'connection-migration',
    seed: '0x138c',
    was: 'a reader that had just asked something when its address changed said nothing for five seconds',
  },
  {
    case: 'rough-start',
    seed: '0x1388',
    was: 'taken for whole while one side had chosen UDP of two links and the other TCP',
  },
  {
    case: 'replay',
    seed: '0x4d',
    was: 'a cookie that came again made message 3 go again, which is longer',
  },
  {
    case: 'barely-usable',
    seed: '0x16',
    was: 'four probes in half a minute were all lost, and the link was given up',
  },
  {
    case: 'bitswap',
    seed: '0x6',
    form: { until: 48_699, without: ['one-way'] },
    was: 'the last cancel was in a segment lost eight times, and the case did not wait for it',
  },
  { case: 'bitswap', seed: '0x3f2', was: 'a want stood at a peer whose block could not be sent' },
  {
    case: 'bitswap',
    seed: '0xaf',
    form: { until: 40_317, only: [8] },
    was: 'the case gave a mesh three minutes in a spell that loses some 80 packets, where a dial is four of them',
  },
  {
    case: 'bulk',
    seed: '0x2334',
    was: 'the case gave an echo ten seconds in weather of its own making, where TCP may take longer to say a segment again',
  },
  {
    case: 'connection-migration',
    seed: '0x158',
    was: 'the packet behind the answer of a peer that had moved was sent on from elsewhere, so the answer moved nothing',
  },
]
