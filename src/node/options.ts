/**
 * What a person may set, each with its default and the reason for it.
 *
 * Names are those of the flags, in camelCase; durations are seconds.
 *
 * Floor: node. Page: README.md.
 */
import type { Runtime } from '../base/ports.ts'
import type { DialStrategy } from '../membership/dial-order.ts'
import type { LogStore } from '../store/log/types.ts'
import type { Blockstore } from './blocks/types.ts'

export interface NodeOptions {
  /** Port to listen on, the same for TCP and UDP. Default 0: the system picks one, and `addresses` tells it. */
  readonly port?: number
  /** IP addresses to listen on. Default: every address of both families. Give 127.0.0.1 to stay on this machine. `false` listens nowhere. */
  readonly host?: string | readonly string[] | false
  /** Shown to others. Default `peer-<port>`, or `visitor` for a node that does not listen. At most 64 bytes of UTF-8, no control characters. */
  readonly name?: string
  /** Where to find the first peers: `host:port`, `[v6]:port`, multiaddrs with or without `/p2p/<id>`, or `/dnsaddr/<name>`. Default none. Retried for ever. */
  readonly bootstrap?: readonly string[]
  /** Directory for the identity, the peerbook and the control socket; locked while the node lives. One that `openDataDir` holds already is used and stays the caller's to release. Default none: an embedded node keeps its identity in memory and touches no disk but for the swarm key. */
  readonly dataDir?: string | { readonly path: string }
  /** Path of the swarm key, or its 32 bytes. Default: the user's `guild-home/swarm.key`, made if missing. */
  readonly swarmKey?: string | Uint8Array
  /** While the swarm key is rotated: the 32 bytes of the key before it, which is accepted too. Default: what lies beside the key file as `<file>.previous`, for 7 days; none where `swarmKey` is given as bytes. */
  readonly previousSwarmKey?: Uint8Array
  /** Name of a public network, whose key anyone can derive. Excludes `swarmKey`. */
  readonly open?: string
  /** Path of the Ed25519 identity key, or its 32-byte seed. Default: `<dataDir>/identity.key`, else a new one. */
  readonly identityKey?: string | Uint8Array
  /** Finds members of the swarm on the local network by mDNS, and is found. Default true: nobody should type addresses at home. Has no effect where the node listens on loopback only or not at all; default false when a `runtime` is given, whose network may be a simulated one. */
  readonly mdns?: boolean
  /** Most peers at once. Default 20: a full mesh costs N(N-1)/2 links. 1 to 10,000. */
  readonly maxPeers?: number
  /** Streams one peer may have open here at once. Default 256: a busy program needs some dozens, and a crowd is to be asked for. 1 to 65,536. */
  readonly maxStreams?: number
  /** What to listen on and dial with: `tcp` and `udp`, at one port number. A dial tries the first, and 250 ms later the other too. Default `['tcp', 'udp']`: TCP is the faster one on a good network, UDP gets through where TCP does not. */
  readonly transport?: readonly string[]
  /** Largest IP packet of UDP to send, in bytes: for a tunnel that loses what is larger. Default: as much as the path takes, which is searched for and never above the MTU of the interface. 1,248 (as every path takes) to 65,535. */
  readonly mtu?: number
  /** Congestion control of links over UDP: `bbr`, `cubic` or `newreno`. Default `bbr`: it takes a random loss for what it is, and keeps queues short. */
  readonly congestion?: 'bbr' | 'cubic' | 'newreno'
  /** Directory for qlog, made if missing: one file for each link over UDP, at most 256 MiB, 4 GiB in all. Default none: a packet takes a quarter of a kilobyte there. */
  readonly qlog?: string
  /** Seconds of silence after which the side that dialled PINGs; the other side waits twice as long. Default 5. 0.05 to 3600. */
  readonly interval?: number
  /** Seconds between rounds of REQUEST_PEERS. Default 30. */
  readonly discoveryInterval?: number
  /** Seconds between clean-ups of what went stale. Default 15. */
  readonly maintenanceInterval?: number
  /** Seconds a dial and its handshake may take. Default 10. */
  readonly connectTimeout?: number
  /** Seconds of silence after which a peer is gone. Default 60; at least twice `interval`. */
  readonly peerTimeout?: number
  /** URLs of trackers, `http://192.0.2.1:8850`: there this node says where it is, signed, and looks for others. Default none. */
  readonly trackers?: readonly string[]
  /** What the trackers ask for. Default none. */
  readonly trackerToken?: string
  /** Whose node this is: told to trackers, and of them only nodes of the same user are taken. At most 256 bytes. Default none: nodes of everybody. */
  readonly userId?: string
  /** Which of the user's machines this is: told to trackers. At most 256 bytes. Default: the PeerId. */
  readonly deviceId?: string
  /** The database: what trackers told, for when they are down. Default `<dataDir>/guild.db`; without a data directory nothing is kept. */
  readonly dbPath?: string
  /** Which addresses of a peer `reach` tries first: its own, or those through relays. Default `direct-first`. */
  readonly dial?: DialStrategy
  /** Multiaddrs or host:port to tell others instead of the ones seen. Default none. */
  readonly announce?: readonly string[]
  /** PeerIds that alone are admitted and dialled. Default: every member of the swarm. */
  readonly allow?: readonly string[]
  /** PeerIds never admitted or dialled. Goes before `allow`. */
  readonly deny?: readonly string[]
  /** Most bytes a second from all peers together; streams wait, control frames and chat do not. Default none. At least 1,024. */
  readonly bandwidthIn?: number
  /** The same towards all peers. */
  readonly bandwidthOut?: number
  /** TCP port where people join in plain text with `nc`; 0 lets the system pick. Default none: it is plain text, so it is asked for. */
  readonly linePort?: number
  /** IP addresses for the line port. Default 127.0.0.1: whoever reaches it is a guest. */
  readonly lineHost?: string | readonly string[]
  /** Explains each line to the person at the line port. Default false. */
  readonly teach?: boolean
  /** Where blocks are kept: any store of the shape of `interface-blockstore` 7; whoever gives it closes it. Default: on disk in `<dataDir>/blocks`, which needs better-sqlite3; in memory without a data directory. Opened by the first block. */
  readonly store?: Blockstore
  /** Most bytes of blocks to keep. Where it is reached, what no pin leads to makes room. Default none. At least 16 MiB. */
  readonly blockQuota?: number
  /** Clock, randomness, timers, network and cryptography. Default: this machine's. The simulator hands in its own. */
  readonly runtime?: Runtime
  /** Exchanges log entries with every linked peer as they come. Default true, as soon as the log is used. False: only `log.sync` reads, and no peer is answered. */
  readonly liveLog?: boolean
  /** A log of your own, in place of the one in the database: see `logContract` in `guild-home/testing`. Default none. It is closed with the node. */
  readonly logStore?: LogStore
}
