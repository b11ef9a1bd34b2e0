/**
 * A declaration file with relative imports that name `.js` files, as the code beside it
 * does. tsc rewrites them in code alone: TypeScript 5.7 and newer finds its way from
 * `.ts` to `.d.ts`, but other readers of declarations look for a file that is not there.
 */
export function withJsExtensions(declarations: string): string {
  return declarations.replace(/(\b(?:from|import) ?\(?"\.{1,2}\/[^"\n]+)\.ts"/g, '$1.js"');
}
