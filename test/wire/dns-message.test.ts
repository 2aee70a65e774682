/** What is let through to the DNS decoder: everything an encoder makes, and nothing that costs. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import t from 'tap'
import { concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { WireError } from '../../src/base/errors.ts'
import { checkDnsMessage, DNS_MESSAGE_MAX } from '../../src/wire/dns-message.ts'
import { anyMutation } from '../support/arbitraries.ts'
import { check } from '../support/property.ts'

/** The decoder behind it, as multicast-dns loads it. */
const multicastDns = createRequire(import.meta.url).resolve('multicast-dns')
const library: { encode(message: object): Uint8Array; decode(bytes: Buffer): unknown } =
  createRequire(multicastDns)('dns-packet')
const decode = (bytes: Uint8Array): unknown => library.decode(Buffer.from(bytes))

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, ''))!
/** A header with so many questions and answers. */
const head = (questions: number, answers = 0): string =>
  `0000 8400 ${word(questions)} ${word(answers)} 0000 0000`
const word = (value: number): string => value.toString(16).padStart(4, '0')
const tail = '0001 0001'
const pointer = (to: number): string => word(0xc000 + to)

function fault(bytes: Uint8Array): WireError | undefined {
  try {
    checkDnsMessage(bytes)
    return undefined
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

const name = 'abcdefghijklmnopqrstuvwxyz234567._guild-home._tcp.local'
const full = {
  type: 'response',
  questions: [{ name, type: 'ANY' }],
  answers: [
    { name: '_guild-home._tcp.local', type: 'PTR', ttl: 1, data: name },
    { name, type: 'SRV', ttl: 1, flush: true, data: { port: 8000, target: 'x.local' } },
    { name, type: 'TXT', ttl: 1, data: [Buffer.from('txtvers=1'), Buffer.alloc(226)] },
    { name, type: 'A', ttl: 1, data: '10.0.0.1' },
    { name, type: 'AAAA', ttl: 1, data: 'fe80::1' },
    { name, type: 'CNAME', ttl: 1, data: 'y.local' },
  ],
  additionals: [
    { name, type: 'NSEC', ttl: 1, data: { nextDomain: name, rrtypes: ['A', 'AAAA', 'SRV'] } },
    { name: '.', type: 'OPT', udpPayloadSize: 4096, options: [{ code: 4, data: Buffer.from('owner') }] },
  ],
}

t.test('DNS message: what an encoder makes passes, compressed or not', async t => {
  t.equal(fault(library.encode(full)), undefined)
  t.equal(fault(library.encode({ type: 'query', questions: [{ name, type: 'PTR' }] })), undefined)
  const compressed = hex(`${head(3)}
    0161 056c6f63616c 00 ${tail}
    0162 ${pointer(14)} ${tail}
    ${pointer(25)} ${tail}`)
  t.equal(fault(compressed), undefined, 'a.local, b.local, b.local')
  t.match(decode(compressed), {
    questions: [{ name: 'a.local' }, { name: 'b.local' }, { name: 'b.local' }],
  })
})

t.test('MD-01 a compression pointer to itself, forward or chained is refused', async t => {
  const cases: [string, string][] = [
    ['to itself', `${head(1)} ${pointer(12)} ${tail}`],
    ['to its own name', `${head(1)} 0161 ${pointer(12)} ${tail}`],
    ['forward', `${head(2)} ${pointer(18)} ${tail} 0161 00 ${tail}`],
    ['past the end', `${head(1)} ${pointer(0x3fff)} ${tail}`],
    ['into the header', `${head(1)} ${pointer(4)} ${tail}`],
    ['to a pointer', `${head(3)} 0161 00 ${tail} ${pointer(12)} ${tail} ${pointer(19)} ${tail}`],
    ['two that point at each other', `${head(2)} 0161 ${pointer(20)} ${tail} 0162 ${pointer(12)} ${tail}`],
  ]
  for (const [what, text] of cases) t.match(fault(hex(text)), { field: 'name pointer' }, what)

  const chain = (names: number): string => {
    let at = 12
    let text = `0161 00 ${tail}`
    for (let i = 1, previous = at; i < names; i++) {
      const start: number = i === 1 ? 19 : at + 8
      text += `0162 ${pointer(previous)} ${tail}`
      previous = start
      at = start
    }
    return `${head(names)} ${text}`
  }
  t.equal(fault(hex(chain(17))), undefined, 'sixteen pointers in one name, each behind a label')
  t.match(fault(hex(chain(18))), { field: 'name pointer', code: 'GH_WIRE_LENGTH' }, 'seventeen')
})

t.test('MD-01 the time a message takes grows with its length, not with its square', async t => {
  // Half a message of pointers to pointers, then names that each lead to the end of that chain.
  const evil = (size: number): Uint8Array => {
    const chain = Math.floor(size / 4)
    const names = Math.floor((size / 2 - 20) / 6)
    const body = [head(names, 1)]
    const chainAt = 12 + names * 6 + 11
    for (let i = 0; i < names; i++) body.push(pointer(chainAt + 2 * (chain - 1)), tail)
    body.push(`00 0010 0001 00000001 ${word(2 * chain)}`)
    for (let i = 0; i < chain; i++) body.push(i === 0 ? '0000' : pointer(chainAt + 2 * (i - 1)))
    return hex(body.join(''))
  }
  // Backward for the decoder, as it asks: the names behind the chain.
  const evilBackward = (size: number): Uint8Array => {
    const chain = Math.floor(size / 4)
    const names = Math.floor((size / 2 - 60) / 16)
    const chainAt = 12 + 11
    const body = [head(0, 1 + names), `00 000a 0001 00000001 ${word(2 * chain)}`]
    for (let i = 0; i < chain; i++) body.push(i === 0 ? '0000' : pointer(chainAt + 2 * (i - 1)))
    for (let i = 0; i < names; i++)
      body.push(pointer(chainAt + 2 * (chain - 1)), '0001 0001 00000001 0004 7f000001')
    return hex(body.join(''))
  }
  for (const make of [evil, evilBackward]) {
    const bytes = make(DNS_MESSAGE_MAX - 200)
    t.ok(bytes.length <= DNS_MESSAGE_MAX)
    t.ok(fault(bytes))
  }
  const time = (work: () => void): number => {
    const begun = performance.now()
    for (let i = 0; i < 20; i++) work()
    return (performance.now() - begun) / 20
  }
  const bytes = evilBackward(DNS_MESSAGE_MAX - 200)
  const theirs = time(() => decode(bytes))
  const ours = time(() => fault(bytes))
  t.comment(
    `${bytes.length} bytes of chained pointers: decoder ${theirs.toFixed(2)} ms, refused here in ${ours.toFixed(3)} ms`,
  )
  const worst = hex(
    `${head(1498)} ${`00 ${tail}`.repeat(1)} ${`${pointer(12)} ${tail}`.repeat(1497)}`.replaceAll(' ', ''),
  )
  t.equal(fault(worst), undefined)
  const most = time(() => fault(worst))
  t.comment(`${worst.length} bytes of short names, looked over in ${most.toFixed(3)} ms`)
  t.ok(most < 5 * 5, 'a few milliseconds at most')
})

t.test('MD-01 counts a message has no room for are refused before anything is made of that size', async t => {
  t.match(fault(hex(head(0xffff, 0xffff))), { field: 'counts' })
  t.match(fault(hex(`${head(2)} 00 ${tail}`)), { field: 'counts' })
  t.match(fault(new Uint8Array(DNS_MESSAGE_MAX + 1)), { field: 'DNS message' })
  t.match(fault(hex('000084000000')), { code: 'GH_WIRE_SHORT' })
})

t.test('DNS message: data that is longer or shorter than its length says is refused', async t => {
  const record = (type: number, data: string, length = data.replaceAll(' ', '').length / 2): Uint8Array =>
    hex(`${head(0, 1)} 00 ${word(type)} 0001 00000001 ${word(length)} ${data}`)
  const cases: [string, Uint8Array, string | undefined][] = [
    ['A', record(1, '0a000001'), undefined],
    ['A of 5', record(1, '0a00000100'), 'record data'],
    ['AAAA of 4', record(28, '0a000001'), 'record data'],
    ['PTR', record(12, '0161 00'), undefined],
    ['PTR and a byte', record(12, '0161 00 00'), 'record data'],
    ['PTR that runs on', record(12, '0161 00', 2), 'record data'],
    ['PTR past the end', record(12, '05'), 'name'],
    ['SRV', record(33, '0000 0000 1f40 0161 00'), undefined],
    ['SRV cut', record(33, '0000 0000'), 'name'],
    ['TXT', record(16, '0161 00 0162'), undefined],
    ['TXT that runs on', record(16, '0261'), 'record data'],
    ['OPT', record(41, '0004 0001 ff'), undefined],
    ['OPT that runs on', record(41, '0004 0002 ff'), 'record data'],
    ['NSEC', record(47, '00 00 01 40'), undefined],
    ['NSEC that runs on', record(47, '00 00 05 40'), 'record data'],
    ['NSEC with an empty window, where decoders lose their place', record(47, '00 00 00'), 'NSEC window'],
    ['NSEC with a window of 33', record(47, `00 00 21 ${'00 '.repeat(33)}`), 'NSEC window'],
    ['NSEC with a window of 32', record(47, `00 00 20 ${'00 '.repeat(32)}`), undefined],
    ['length past the end', record(16, '0161', 900), 'record data'],
    ['SOA', record(6, '00'), 'record type'],
    ['RRSIG', record(46, '00'), 'record type'],
    ['a byte too many', concat(record(1, '0a000001'), Uint8Array.of(0)), 'DNS message'],
    ['label of 64', hex(`${head(1)} 40 ${tail}`), 'name'],
    ['name of 256', hex(`${head(1)} ${`3f${'61'.repeat(63)}`.repeat(4)} 00 ${tail}`), 'name'],
  ]
  for (const [what, bytes, field] of cases) t.equal(fault(bytes)?.field, field, what)
})

t.test('ERR-1 DNS message: whatever comes, it passes or gives a WireError; what passes decodes', async t => {
  let passed = 0
  const holds = (bytes: Uint8Array): boolean => {
    if (fault(bytes) !== undefined) return true
    passed++
    decode(bytes)
    return true
  }
  const good = library.encode(full)
  check(
    fc.property(anyMutation, mutate => holds(mutate(Uint8Array.from(good)).slice())),
    3_000,
  )
  check(
    fc.property(fc.uint8Array({ maxLength: 120, size: 'max' }), bytes =>
      holds(concat(hex(head(1, 1)), bytes)),
    ),
    1_000,
  )
  t.ok(passed > 100, `${passed} passed, and were decoded: ${toHex(good.subarray(0, 4))}…`)
})
