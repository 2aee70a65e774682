/**
 * Files that are loaded when somebody first asks for one: see `lazy-blocks.ts`.
 *
 * Floor: node.
 */
import type { CID } from 'multiformats/cid'
import type {
  AddOptions,
  FetchOptions,
  FileEntry,
  FilePath,
  FileStat,
  Files,
  GetFileOptions,
  Got,
  ReadOptions,
} from './types.ts'

export class LazyFiles implements Files {
  readonly #load: () => Promise<Files>
  #loading: Promise<Files> | undefined

  constructor(load: () => Promise<Files>) {
    this.#load = load
  }

  async add(source: Parameters<Files['add']>[0], options?: AddOptions): Promise<CID> {
    return (await this.#loaded()).add(source, options)
  }

  async *cat(path: FilePath, options?: ReadOptions): AsyncGenerator<Uint8Array> {
    yield* (await this.#loaded()).cat(path, options)
  }

  async *ls(path: FilePath, options?: FetchOptions): AsyncGenerator<FileEntry> {
    yield* (await this.#loaded()).ls(path, options)
  }

  async stat(path: FilePath, options?: FetchOptions): Promise<FileStat> {
    return (await this.#loaded()).stat(path, options)
  }

  async get(path: FilePath, out: string, options?: GetFileOptions): Promise<Got> {
    return (await this.#loaded()).get(path, out, options)
  }

  async *exportCar(roots: readonly CID[], options?: FetchOptions): AsyncGenerator<Uint8Array> {
    yield* (await this.#loaded()).exportCar(roots, options)
  }

  async importCar(
    car: AsyncIterable<Uint8Array>,
    options?: Parameters<Files['importCar']>[1],
  ): ReturnType<Files['importCar']> {
    return (await this.#loaded()).importCar(car, options)
  }

  #loaded(): Promise<Files> {
    this.#loading ??= this.#load().catch(error => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }
}
