/**
 * Bugs planted one at a time: each is a slip somebody could make, in Noise, records, streams or
 * membership, and the suite has to notice it. `run.ts` does the planting.
 *
 * `find` stands exactly once in the file; when the file has changed so that it does not, the
 * run says so, and the entry has to be brought up to date.
 */
import { packetMutants } from './packet-list.ts'

export interface Mutant {
  /** What breaks, in a few words. */
  readonly about: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const mutants: readonly Mutant[] = [
  // Noise
  {
    about: 'the psk goes into the key and not into the transcript',
    file: 'src/noise/symmetric-state.ts',
    find: '    this.mixHash(out.subarray(hashLength, 2 * hashLength))\n',
    replace: '',
  },
  {
    about: 'a message that does not open uses up its nonce',
    file: 'src/noise/cipher-state.ts',
    find: '    const plaintext = this.#cipher.open(this.#n, associated, ciphertext)\n    this.#n++\n',
    replace: '    const plaintext = this.#cipher.open(this.#n++, associated, ciphertext)\n',
  },
  {
    about: 'rekey begins to count nonces anew',
    file: 'src/noise/cipher-state.ts',
    find: 'this.#cipher = this.#cipher?.rekeyed()',
    replace: 'this.#cipher = this.#cipher?.rekeyed()\n    this.#n = 0',
  },
  {
    about: 'a handshake message that fails moves the handshake on',
    file: 'src/noise/handshake-state.ts',
    find: '    } catch (error) {\n      draft.symmetric.wipe()',
    replace: '    } catch (error) {\n      this.#index++\n      draft.symmetric.wipe()',
  },
  {
    about: 'the chaining key is left in memory after the split',
    file: 'src/noise/symmetric-state.ts',
    find: '    this.#ck.fill(0)\n    this.#cipher = new CipherState()',
    replace: '    this.#cipher = new CipherState()',
  },
  {
    about: 'the replay window is one counter too wide',
    file: 'src/noise/replay-window.ts',
    find: 'this.#greatest - counter >= this.width',
    replace: 'this.#greatest - counter > this.width',
  },
  {
    about: 'a nonce one beyond the limit is used',
    file: 'src/noise/cipher-state.ts',
    find: 'if (this.#n > this.#limit) throw',
    replace: 'if (this.#n > this.#limit + 1) throw',
  },
  // The handshake on a link
  {
    about: 'a responder that asked for no cookie takes any',
    file: 'src/link/cookies.ts',
    find: 'this.#cookie !== undefined && equalConstantTime(cookie, this.#cookie)',
    replace: 'this.#cookie === undefined || equalConstantTime(cookie, this.#cookie)',
  },
  {
    about: 'a replayed message 1 with its cookie is new again',
    file: 'src/link/freshness.ts',
    find: "return this.#seen.add(key, now) ? 'fresh' : 'replay'",
    replace: "return 'fresh'",
  },
  {
    about: 'a message 1 from the future can be repeated once its ephemeral is forgotten',
    file: 'src/link/freshness.ts',
    find: 'new RecentKeys(remembered, 2 * limits.freshness, random)',
    replace: 'new RecentKeys(remembered, limits.freshness / 2, random)',
  },
  {
    about: 'the pinned PeerId is not compared',
    file: 'src/link/initiator.ts',
    find: 'if (expect !== undefined && expect !== peerId)',
    replace: 'if (expect !== undefined && expect.length !== peerId.length)',
  },
  {
    about: 'an initiator answers a second cookie',
    file: 'src/link/initiator.ts',
    find: '    this.#cookieUsed = true\n',
    replace: '',
  },
  // Records
  {
    about: 'frames behind a REKEY are taken',
    file: 'src/link/link.ts',
    find: 'if (this.#rekeySeen) throw misplacedRekey()',
    replace: 'if (this.#rekeySeen && r.remaining === 0) throw misplacedRekey()',
  },
  {
    about: 'the bytes since the last rekey are never counted anew',
    file: 'src/link/records.ts',
    find: '      this.#sinceRekey = 0\n',
    replace: '',
  },
  {
    about: 'the age of a key begins with the link and never anew',
    file: 'src/link/records.ts',
    find: '      this.#rekeyedAt = now\n    }',
    replace: '    }',
  },
  {
    about: 'a record one byte too long is taken',
    file: 'src/link/units.ts',
    find: 'length <= this.maximum)',
    replace: 'length <= this.maximum + 1)',
  },
  {
    about: 'cheap frames cost nothing',
    file: 'src/link/link-core.ts',
    find: '!this.#cheap.spend(1, now)',
    replace: '!this.#cheap.spend(0, now)',
  },
  // Streams
  {
    about: 'an end before bytes that came already is taken',
    file: 'src/streams/receive-half.ts',
    find: 'if (fin && end < this.#highest)',
    replace: 'if (fin && end < this.#consumed)',
  },
  {
    about: 'one byte past the link credit is taken',
    file: 'src/streams/link-credit.ts',
    find: 'if (this.#received + fresh > this.#granted)',
    replace: 'if (this.#received + fresh > this.#granted + 1)',
  },
  {
    about: 'MAX_DATA that grants nothing new is taken for more',
    file: 'src/streams/link-credit.ts',
    find: '    if (maximum <= this.#maximum) return false\n',
    replace: '',
  },
  {
    about: 'an end waits for link credit that it does not need',
    file: 'src/streams/outgoing.ts',
    find: 'if (credit === 0 && !half.finOnly && !half.again) {',
    replace: 'if (credit === 0 && !half.again) {',
  },
  {
    about: 'a finished stream of the peer gives its place back never',
    file: 'src/streams/streams.ts',
    find: '    this.#peer.finish()\n',
    replace: '',
  },
  {
    about: 'a reset throws away what had come whole',
    file: 'src/streams/receive-half.ts',
    find: 'if (this.complete || this.finished) return false',
    replace: 'if (this.finished) return false',
  },
  {
    about: 'bytes thrown away by a reset never become credit again',
    file: 'src/streams/streams.ts',
    find: 'half.reset(finalSize)\n    this.#credit.receive(fresh)\n    this.#credit.consume(half.consumed - before)',
    replace:
      'half.reset(finalSize)\n    this.#credit.receive(fresh)\n    this.#credit.consume(Math.min(0, half.consumed - before))',
  },
  {
    about: 'a writer that was turned away is told twice',
    file: 'src/streams/send-half.ts',
    find: '    this.#mark = 0\n    return this.live && !this.#ending',
    replace: '    return this.live && !this.#ending',
  },
  {
    about: 'lost bytes wait for credit that they had already',
    file: 'src/streams/outgoing.ts',
    find: 'if (credit === 0 && !half.finOnly && !half.again) {',
    replace: 'if (credit === 0 && !half.finOnly) {',
  },
  {
    about: 'an end that is lost is never said again',
    file: 'src/streams/send-half.ts',
    find: 'if (fin && !this.#finAcked) this.#finLost = true',
    replace: 'if (fin && this.#finAcked) this.#finLost = true',
  },
  {
    about: 'a half is done when its end has arrived, whatever is missing before it',
    file: 'src/streams/send-half.ts',
    find: 'if (this.#finAcked && this.#buffer.unacked === 0)',
    replace: 'if (this.#finAcked)',
  },
  {
    about: 'a reset that is lost is never said again',
    file: 'src/streams/outgoing.ts',
    find: "if (kind === owed.RESET) return sending.state === 'resetSent'",
    replace: "if (kind === owed.RESET) return sending.state === 'ready'",
  },
  {
    about: 'an old grant is lost, and the newest said again',
    file: 'src/streams/outgoing.ts',
    find: 'return receiving.granted === value && ',
    replace: 'return receiving.granted >= value && ',
  },
  {
    about: 'link credit that is lost is never granted again',
    file: 'src/streams/link-credit.ts',
    find: 'if (maximum === this.#granted) this.#again = true',
    replace: 'if (maximum > this.#granted) this.#again = true',
  },
  {
    about: 'a count of streams that is lost is never granted again',
    file: 'src/streams/peer-ids.ts',
    find: 'if (count === this.#granted) this.#again = true',
    replace: 'if (count > this.#granted) this.#again = true',
  },
  {
    about: 'lent bytes are taken for memory to use again',
    file: 'src/base/send-buffer.ts',
    find: 'if (this.#lent?.delete(block) === true) return',
    replace: 'this.#lent?.delete(block)',
  },
  {
    about: 'bytes that another packet brought are sent again',
    file: 'src/base/send-buffer.ts',
    find: 'if (this.#acked === undefined) this.#lost.add(at, end)',
    replace: 'if (this.#acked === undefined || length > 0) this.#lost.add(at, end)',
  },
  {
    about: 'a page is forgotten with bytes still on it',
    file: 'src/base/reassembly.ts',
    find: 'number < last; number++',
    replace: 'number <= last; number++',
  },
  // Membership
  {
    about: 'the higher PeerId decides as the lower one does',
    file: 'src/membership/tie-break.ts',
    find: 'return compare(own, other) < 0',
    replace: 'return compare(own, other) !== 0',
  },
  {
    about: 'a PONG nobody asked for measures the round trip',
    file: 'src/membership/liveness.ts',
    find: 'if (index >= 0) this.rtt = now - waiting[index]!.at',
    replace: 'this.rtt = now - (waiting[index] ?? waiting[0] ?? { at: now }).at',
  },
  {
    about: 'who is awake asks every link, due or not',
    file: 'src/membership/liveness.ts',
    find: "if (this.#state === 'gone' || this.#pingAt > now + ahead) return",
    replace: "if (this.#state === 'gone') return",
  },
  {
    about: 'whose port another has is given up, though it was heard since',
    file: 'src/membership/links.ts',
    find: 'if (other.peer === peer || other.establishedAt < liveness.heardAt) continue',
    replace: 'if (other.peer === peer || other.establishedAt < liveness.heardAt - 1e9) continue',
  },
  {
    about: 'a loopback address told from afar is believed as it is',
    file: 'src/membership/hygiene.ts',
    find: "return near === 'loopback' ? told : { ...told, host: teller.host }",
    replace: 'return told',
  },
  {
    about: 'an address book that is full drops what works before what does not',
    file: 'src/membership/address-book.ts',
    find: 'if (a.failures !== b.failures) return a.failures > b.failures',
    replace: 'if (a.failures !== b.failures) return a.failures < b.failures',
  },
  {
    about: 'what a proven address took of the quotas is never given back',
    file: 'src/membership/address-book.ts',
    find: 'if (before && !counts(entry)) this.#quotas.give(entry)',
    replace: 'if (before && counts(entry)) this.#quotas.give(entry)',
  },
  {
    about: 'told addresses get the places that are kept for lost peers',
    file: 'src/membership/dial-plan.ts',
    find: 'Math.min(dials, room - this.#gate.kept(now))',
    replace: 'Math.min(dials, room + this.#gate.kept(now))',
  },
  {
    about: 'the wait after a failure grows without end',
    file: 'src/membership/dial-plan.ts',
    find: 'jitter(Math.min(defaults.backoffMax, doubled), fraction)',
    replace: 'jitter(Math.max(defaults.backoffFirst, doubled), fraction)',
  },
  {
    about: 'a full node gives an honest newcomer no place',
    file: 'src/membership/links.ts',
    find: 'if (otherLinks(peer) === 0) continue',
    replace: 'if (otherLinks(peer) >= 0) continue',
  },
  ...packetMutants,
]
