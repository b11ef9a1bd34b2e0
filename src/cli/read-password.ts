/** Passwords come from a prompt or from standard input, never from arguments, which everyone on the machine can read. */
import { buffer } from "node:stream/consumers";

/**
 * A password that is to be set: typed twice at a terminal without being shown, or
 * the text of standard input less one line end.
 */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) return (await buffer(process.stdin)).toString("utf8").replace(/\r?\n$/, "");
  const password = await ask("Password: ");
  if ((await ask("Again: ")) !== password) throw new Error("the two passwords differ; nothing was done");
  return password;
}

const ENTER = ["\r", "\n"];
const BACKSPACE = ["\u007f", "\b"];
const INTERRUPT = ["\u0003", "\u0004"];

function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // First of all: what is typed ahead of the question must not show either.
  stdin.setRawMode(true).setEncoding("utf8").resume();
  stderr.write(question);
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const end = (settle: () => void) => {
      stdin.setRawMode(false).pause().off("data", onData);
      stderr.write("\n");
      settle();
    };
    const onData = (data: string) => {
      for (const character of data) {
        if (ENTER.includes(character)) return end(() => resolve(typed.join("")));
        if (INTERRUPT.includes(character)) return end(() => reject(new Error("interrupted; nothing was done")));
        if (BACKSPACE.includes(character)) typed = typed.slice(0, -1);
        else typed.push(character);
      }
    };
    stdin.on("data", onData);
  });
}
