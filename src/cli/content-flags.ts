/**
 * The flags of the commands for files and blocks: rows of the table in `flags.ts`.
 *
 * Floor: cli.
 */
import { fetching } from './command-names.ts'
import { flag } from './flag.ts'
import { oneOf, path, truth, whole } from './values.ts'

export const profiles = ['kubo-v1', 'unixfs-v1-2025', 'unixfs-v0-2015'] as const
type Profile = (typeof profiles)[number]
export const codecs = ['raw', 'dag-pb', 'dag-cbor'] as const
type Codec = (typeof codecs)[number]

export const contentFlags = {
  output: flag<string | undefined>({
    short: 'o',
    value: 'file',
    fallback: undefined,
    fallbackText: 'the name of what is fetched; of car, standard output',
    commands: ['get', 'car'],
    about: 'where to write',
    parse: path,
  }),
  offline: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: fetching,
    about: 'ask no peer: what is not here is not found',
    parse: truth,
  }),
  profile: flag<Profile>({
    value: 'name',
    fallback: 'kubo-v1',
    fallbackText: 'kubo-v1',
    choices: profiles,
    commands: ['add'],
    about: 'how files are cut and linked, which decides their CIDs',
    parse: oneOf(profiles),
  }),
  hidden: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['add'],
    about: 'take files whose name begins with a dot, too',
    parse: truth,
  }),
  wrap: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['add'],
    about: 'put a folder around it, so that its name is kept',
    parse: truth,
  }),
  preserve: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['add'],
    about: 'keep modes and times too; the CID is then another',
    parse: truth,
  }),
  pin: flag<boolean>({
    fallback: true,
    fallbackText: 'on',
    commands: ['add'],
    about: 'pin what was added, so that no collection takes it',
    parse: truth,
  }),
  direct: flag<boolean>({
    fallback: false,
    fallbackText: 'off',
    commands: ['pin'],
    about: 'pin the block alone, and not what it leads to',
    parse: truth,
  }),
  codec: flag<Codec>({
    value: 'name',
    fallback: 'raw',
    fallbackText: 'raw',
    choices: codecs,
    commands: ['block'],
    about: 'of block put: what the bytes are',
    parse: oneOf(codecs),
  }),
  offset: flag<number>({
    value: 'bytes',
    fallback: 0,
    fallbackText: '0',
    commands: ['cat'],
    about: 'where to begin',
    parse: whole(0, Number.MAX_SAFE_INTEGER),
  }),
  length: flag<number | undefined>({
    value: 'bytes',
    fallback: undefined,
    fallbackText: 'to the end',
    commands: ['cat'],
    about: 'how many bytes to write',
    parse: whole(0, Number.MAX_SAFE_INTEGER),
  }),
} as const
