/**
 * The package multicast-dns 7 comes without types; dns-sd.ts says what is used of it.
 *
 * Floor: discovery (shell).
 */
declare module 'multicast-dns' {
  export default function multicastDns(options: object): unknown
}
