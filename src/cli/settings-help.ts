import { SETTINGS } from "../settings.ts";

/** Every setting with its default and its meaning, as the README's table has them. */
export function settingsHelp(): string {
  const lines = Object.entries(SETTINGS).flatMap(([name, { default: standard, meaning }]) => [
    `  ${name}=${standard}`,
    `      ${plain(meaning)}`,
  ]);
  return ["", "Settings are environment variables; each with its default:", ...lines].join("\n");
}

/** Markdown without its links and code marks. */
function plain(text: string): string {
  return text.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1").replaceAll("`", "");
}
