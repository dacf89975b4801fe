/** The one function of amaro (Node's own type stripper) that is used; the package has no types. */
declare module 'amaro' {
  export function transformSync(source: string, options: { mode: 'strip-only' }): { code: string };
}
