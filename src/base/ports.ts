/**
 * The ports: everything a node needs from the world, handed in.
 *
 * Clocks, randomness, timers, network and cryptography come through these
 * interfaces and no other way, so a whole node runs inside the simulated network
 * and every failure has a seed. Shells implement them; cores take the small ones
 * (`Random`, `Suite`) as constructor options.
 *
 * Floor: base.
 */
import type { Millis, WallMillis } from './machine.ts'

export interface Clock {
  /** Monotonic, in milliseconds with a fraction; its zero means nothing. */
  now(): Millis
  /** Since 1970. May jump; never used to measure a wait. */
  wall(): WallMillis
}

export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1): for jitter, never for secrets. */
  fraction(): number
}

export interface Scheduler {
  /** Runs `wake` once at `at`; a later call replaces an earlier one that has not run. */
  arm(at: Millis, wake: () => void): void
  disarm(): void
  /** Runs `work` once the current turn of the event loop has done its reading. */
  defer(work: () => void): void
}

/** Where a pipe begins or ends, as the network sees it. IPv6 without brackets. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface PipeEvents {
  /** The bytes are valid during the call only: copy what you keep. */
  data(bytes: Uint8Array): void
  /** After `write` said false: what was buffered is gone to the system. */
  drain(): void
  /** The other side half-closed: no more data will come. */
  end(): void
  /** The last call. `error` says why when it was not an orderly end. */
  close(error: Error | undefined): void
}

/** Ordered bytes to one remote place: a TCP connection, a circuit, a simulated link. */
export interface Pipe {
  readonly transport: string
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Bytes accepted by `write` and not yet taken by the system. */
  readonly buffered: number
  /** Must be called once, before the turn ends in which the pipe was made. */
  attach(events: PipeEvents): void
  /** Takes ownership of the chunks and sends them in one go. False: wait for `drain`. */
  write(chunks: readonly Uint8Array[]): boolean
  /** Sends what was written, then half-closes. */
  end(): void
  /** No `data` and no `end` until `resume`; `drain` and `close` still come. What the other side sends waits in the system. */
  pause(): void
  resume(): void
  /** Drops everything now. `close` follows. */
  destroy(): void
}

export interface Listener {
  /** Every place it listens at: one per address family. */
  readonly endpoints: readonly Endpoint[]
  close(): Promise<void>
}

export interface ListenOptions {
  /** IP addresses to bind; empty means all of them, both families. */
  readonly hosts: readonly string[]
  /** 0 lets the system pick one number for all hosts. */
  readonly port: number
  readonly onPipe: (pipe: Pipe) => void
  /** After `listen` returned: the listener broke. */
  readonly onError: (error: Error) => void
}

export interface DialOptions {
  /** A host name or an IP address. */
  readonly host: string
  readonly port: number
  /** Look a name up in this family only. Absent: in both. */
  readonly family?: 4 | 6
  readonly signal: AbortSignal
}

/** One way to make pipes. Errors are GuildErrors with a GH_DIAL_ or GH_LISTEN_ code. */
export interface Transport {
  readonly name: string
  listen(options: ListenOptions): Promise<Listener>
  dial(options: DialOptions): Promise<Pipe>
}

export interface DatagramBuffers {
  /** Bytes the system grants, which may be far less than was asked for. */
  readonly receive: number
  readonly send: number
}

/** One UDP socket, unconnected: datagrams to anyone and from anyone. */
export interface DatagramSocket {
  readonly local: Endpoint
  /** Absent where there is no system that grants them. */
  readonly buffers?: DatagramBuffers
  /**
   * One datagram of at most 65,507 bytes to an IP address, without waiting. True: the caller may use
   * the bytes again. False: somebody holds them still, and they must never change. Never throws for
   * what the network does: a send that fails is a loss.
   */
  send(to: Endpoint, bytes: Uint8Array): boolean
  /** Frees the port now. Nothing is called any more, `send` does nothing. */
  close(): void
}

export interface DatagramOptions {
  /** One IP address; `0.0.0.0` and `::` stand for all of their own family, and of no other. */
  readonly host: string
  /** 0 lets the system pick. */
  readonly port: number
  /** The bytes are valid during the call only: copy what you keep. They may be none. False: it was good for nothing. */
  readonly onDatagram: (bytes: Uint8Array, from: Endpoint) => unknown
  /** After `open` resolved: the system says that something is wrong. The socket lives on. */
  readonly onError: (error: Error) => void
}

/** Makes datagram sockets. GH_LISTEN_IN_USE where the port is taken, GH_LISTEN_FAILED otherwise. */
export interface Datagrams {
  open(options: DatagramOptions): Promise<DatagramSocket>
  /**
   * Does the system at that address say that nobody listens there? False where it says nothing in a while. Absent:
   * nobody can tell.
   */
  refuses?(to: Endpoint): Promise<boolean>
  /** The IP addresses of a host name, best first; of an IP address, itself. GH_DIAL_NAME when there are none. */
  resolve(host: string, family: 4 | 6 | undefined, signal: AbortSignal): Promise<readonly string[]>
}

/** This machine's network interfaces, for address hygiene and announcements. */
export interface Interface {
  readonly name: string
  readonly address: string
  /** Leading one-bits of the netmask. */
  readonly prefix: number
  readonly internal: boolean
  /** Its largest IP packet in bytes, where the system tells. */
  readonly mtu?: number
}

/** The TXT records of a name, each in one piece. GH_DIAL_NAME when there is none. */
export type ResolveTxt = (name: string, signal: AbortSignal) => Promise<readonly string[]>

/** One question over HTTP. */
export interface HttpAsk {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** For the connection, and for all of it. */
  readonly connect: Millis
  readonly whole: Millis
  /** Bytes of the answer's body. */
  readonly most: number
  readonly signal: AbortSignal
}

export interface HttpReply {
  readonly status: number
  /** By its name in lower case. */
  header(name: string): string | undefined
  readonly body: Uint8Array
  /** The IP address that answered. */
  readonly remote: string
}

/** Follows no redirect. GH_TRACKER_FAILED when there is no whole answer in time. */
export type AskHttp = (ask: HttpAsk) => Promise<HttpReply>

export interface Network {
  readonly transports: readonly Transport[]
  /** Absent where there is no UDP. */
  readonly datagrams?: Datagrams
  /** Absent where there is no DNS. */
  readonly resolveTxt?: ResolveTxt
  /** Absent where there is no HTTP. */
  readonly askHttp?: AskHttp
  interfaces(): readonly Interface[]
}

/** A Curve25519 key pair; how the secret is held is the suite's business. */
export interface KeyPair {
  readonly publicKey: Uint8Array
}

/** One AEAD key in use. Nonces are counters below 2^53; Noise's 64-bit encoding is inside. */
export interface Cipher {
  /** Ciphertext with the 16-byte tag behind it. */
  seal(nonce: number, associated: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The same in two pieces, so that bulk data is not copied once more. */
  sealParts(
    nonce: number,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ): { body: Uint8Array; tag: Uint8Array }
  /** The same into `out`, which has room for both and is no part of the plaintext. */
  sealInto(nonce: number, associated: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void
  /** The plaintext in memory of its own, or GH_NOISE_OPEN. Never partial. */
  open(nonce: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array
  /** A cipher under Noise's REKEY of this key: sealing 32 zero bytes with nonce 2^64 - 1. */
  rekeyed(): Cipher
}

/** One header-protection key in use: AES-128 on one block (RFC 9001 section 5.4.3). */
export interface HeaderMask {
  /** 5 bytes made of a sample of 16; valid until the next call. */
  mask(sample: Uint8Array): Uint8Array
}

/** The primitives a Noise handshake names: DH, cipher and hash. */
export interface NoiseSuite {
  /** As in the protocol name: `25519_ChaChaPoly_SHA256`. */
  readonly name: string
  readonly hashLength: number
  /** Of the hash, for HMAC. */
  readonly blockLength: number
  /** The key pair of 32 secret bytes. */
  keyPair(secret: Uint8Array): KeyPair
  /** The shared secret; GH_NOISE_KEY on a low-order or malformed public key. */
  dh(pair: KeyPair, publicKey: Uint8Array): Uint8Array
  hash(...parts: readonly Uint8Array[]): Uint8Array
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  cipher(key: Uint8Array): Cipher
}

/** An Ed25519 identity that can sign. */
export interface Identity {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** All the cryptography a node uses: `noble` everywhere, `native` on Node. */
export interface Suite extends NoiseSuite {
  /** The identity of a 32-byte Ed25519 seed. */
  identity(seed: Uint8Array): Identity
  /** Strict RFC 8032: never ZIP-215. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** For packets: masks under a key of 16 bytes, which is copied. GH_NOISE_KEY for another length. */
  headerMask(key: Uint8Array): HeaderMask
}

/** The small files of a node that outlive it: read whole, replaced whole. */
export interface Files {
  /** Undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Once it resolves a crash cannot undo it. */
  replace(name: string, bytes: Uint8Array): Promise<void>
}

export interface Runtime {
  readonly clock: Clock
  readonly random: Random
  readonly scheduler: Scheduler
  readonly network: Network
  readonly suite: Suite
  /** Where a node without a `dataDir` keeps its peerbook. Absent: nowhere. */
  readonly files?: Files
}
