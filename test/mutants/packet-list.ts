/** Bugs planted in packets: loss, the coordinator, the link on them, the door. */
import type { Mutant } from './list.ts'

export const packetMutants: readonly Mutant[] = [
  // Packets: loss and acknowledgements
  {
    about: 'an acknowledgement of the next number to be sent is taken',
    file: 'src/packets/recovery.ts',
    find: 'ack.largest >= this.#ring.next',
    replace: 'ack.largest > this.#ring.next',
  },
  {
    about: 'a number that was left out may be acknowledged',
    file: 'src/packets/recovery.ts',
    find: 'this.#traps.push(n)',
    replace: 'this.#traps.splice(0)',
  },
  {
    about: 'patience with reordering never grows',
    file: 'src/packets/reordering.ts',
    find: 'Math.max(this.packets, distance + 1)',
    replace: 'Math.max(this.packets, Math.min(distance, 0))',
  },
  {
    about: 'a packet below the largest is lost by number alone',
    file: 'src/packets/recovery.ts',
    find: ' && now < packet.time + lossDelay) break',
    replace: ' && now < packet.time + 1e9 * lossDelay) break',
  },
  {
    about: 'the probe timeout does not double',
    file: 'src/packets/recovery.ts',
    find: ' * 2 ** this.ptoCount',
    replace: '',
  },
  {
    about: 'what came between two losses does not count against persistent congestion',
    file: 'src/packets/recovery.ts',
    find: '      if (state === ACKED) this.#brokenSince = undefined\n',
    replace: '',
  },
  {
    about: 'bytes of a lost packet stay in flight',
    file: 'src/packets/recovery.ts',
    find: '    if (!left) this.bytesInFlight -= packet.size\n',
    replace: '',
  },
  {
    about: 'the loss of a path-MTU probe is told as congestion',
    file: 'src/packets/recovery.ts',
    find: 'if (left || packet.mtuProbe) {',
    replace: 'if (left) {',
  },
  {
    about: 'a jump goes over a number that is still out',
    file: 'src/packets/sent.ts',
    find: '      at = then + further\n',
    replace: '      at = then + Math.max(further, 1)\n',
  },
  {
    about: 'what came late is forgotten untold',
    file: 'src/packets/received.ts',
    find: 'Math.min(largest + 1, last, this.#leastNew)',
    replace: 'Math.min(largest + 1, last)',
  },
  {
    about: 'a gap is told with the next packets only',
    file: 'src/packets/received.ts',
    find: '    if (this.#usual < NOTABLE) this.#hurry = true\n',
    replace: '',
  },
  {
    about: 'a delay above what the peer promised makes the round trip short',
    file: 'src/packets/recovery.ts',
    find: 'Math.min(delay, this.#maxAckDelay)',
    replace: 'delay',
  },
  // Packets: the coordinator, the link on them, the door
  {
    about: 'a packet with frames of streams is acknowledged before there are any',
    file: 'src/packets/connection.ts',
    find: 'ofStreams.has(type)) return undefined',
    replace: 'ofStreams.has(type)) return seen',
  },
  {
    about: 'a packet without frames is taken',
    file: 'src/packets/connection.ts',
    find: 'if (opened.plaintext.length === 0) throw',
    replace: 'if (opened.plaintext.length < 0) throw',
  },
  {
    about: 'CLOSE does not wait for control',
    file: 'src/packets/connection.ts',
    find: '(this.departures.control.settled || now >= this.#until!)',
    replace: '(now >= 0 || now >= this.#until!)',
  },
  {
    about: 'CLOSE is said again to every packet',
    file: 'src/packets/connection.ts',
    find: 'if ((heard & (heard - 1)) === 0)',
    replace: 'if (heard > 0)',
  },
  {
    about: 'a link that ends itself drains at once',
    file: 'src/packets/connection.ts',
    find: "    if (this.state !== 'alive') return\n    this.departures.sendClose(goodbye, now)\n",
    replace:
      "    if (this.#isOver) return\n    this.departures.sendClose(goodbye, now)\n    if (this.state === 'finishing') return this.abandon()\n",
  },
  {
    about: 'a late packet from elsewhere counts as the newest',
    file: 'src/packets/connection.ts',
    find: 'if (newest) paths.arrived(this.#at, now)',
    replace: 'if (newest || opened.number > 0) paths.arrived(this.#at, now)',
  },
  {
    about: 'frames in packets cost nothing',
    file: 'src/packets/connection.ts',
    find: 'if (!free) this.#options.charge(type, now)',
    replace: 'if (!free && type < 0) this.#options.charge(type, now)',
  },
  {
    about: 'an acknowledgement of nothing new costs nothing',
    file: 'src/packets/connection.ts',
    find: 'if (!this.departures.onAck(ack, this.#now)) ',
    replace: 'if (!this.departures.onAck(ack, this.#now) && ack.count < 0) ',
  },
  {
    about: 'ids and tokens of a connection that is gone are kept',
    file: 'src/packets/connection.ts',
    find: '    this.#localIds.close()\n    this.departures.remoteIds.close()\n',
    replace: '',
  },
  {
    about: 'an acknowledgement waits for the congestion window',
    file: 'src/packets/departures.ts',
    find: '        if (this.received.ackDue(now)) this.#sendAck(now)\n',
    replace: '        if (this.#blocked === undefined && this.received.ackDue(now)) this.#sendAck(now)\n',
  },
  {
    about: 'twice the congestion window is sent',
    file: 'src/packets/departures.ts',
    find: 'this.recovery.bytesInFlight + this.#size > this.congestion.window)',
    replace: 'this.recovery.bytesInFlight + this.#size > 2 * this.congestion.window)',
  },
  {
    about: 'no packet number is left out',
    file: 'src/packets/departures.ts',
    find: 'this.#leftOut.after(number)',
    replace: 'Math.min(number + 1, this.#leftOut.after(number))',
  },
  {
    about: 'what a broken path brought before makes a window after it',
    file: 'src/packets/departures.ts',
    find: '    // Behind it: what arrived before the path broke makes no window for what comes after.\n    if (persistent) this.congestion.onPersistent(now)\n',
    replace: '    if (persistent && acked.length === 0) this.congestion.onPersistent(now)\n',
  },
  {
    about: 'another host keeps the window of the one before',
    file: 'src/packets/departures.ts',
    find: '    if (!reset) return\n',
    replace: '    if (reset) return\n',
  },
  {
    about: 'a new path is believed to take what the old one took',
    file: 'src/packets/departures.ts',
    find: '    this.mtu = new MtuSearch(this.#options.mtu)\n    this.#resize()\n',
    replace: '',
  },
  {
    about: 'a rate for streams holds control back',
    file: 'src/packets/departures.ts',
    find: '(left <= 0 && !this.#hasWords)',
    replace: 'left <= 0',
  },
  {
    about: 'packets that overtook message 3 are forgotten',
    file: 'src/link/packet-link.ts',
    find: 'for (const datagram of this.#early.splice(0))',
    replace: 'for (const datagram of this.#early.splice(9))',
  },
  {
    about: 'who never lets us in is waited for without end',
    file: 'src/link/packet-link.ts',
    find: '          this.timeout = initiator.endsAt\n',
    replace: '',
  },
  {
    about: 'a peer that broke the rules is waited for',
    file: 'src/link/packet-link.ts',
    find: 'if (!polite.has(code)) packets.hurry(this.now)',
    replace: 'if (polite.has(code)) packets.hurry(this.now)',
  },
  {
    about: 'frames inside CONTROL cost nothing',
    file: 'src/link/packet-link.ts',
    find: '    this.charge(frame[0], this.now)\n    readControlFrame',
    replace: '    readControlFrame',
  },
  {
    about: 'a reset token is looked for when its link is over',
    file: 'src/link/door.ts',
    find: 'this.#tokens.delete(this.#hashed(token))',
    replace: 'this.#hashed(token)',
  },
  {
    about: 'an id leads to a link that is over',
    file: 'src/link/door.ts',
    find: 'this.#links.delete(id)',
    replace: 'this.#links.at(id, 0)',
  },
  {
    about: 'a datagram without the MAC of a swarm is answered for',
    file: 'src/link/door.ts',
    find: 'if (swarm === undefined) return drops.stranger',
    replace: 'if (swarm === undefined) return drops.repeat',
  },
]
