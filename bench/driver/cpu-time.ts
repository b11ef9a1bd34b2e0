/**
 * The CPU time of another process, all of its threads together, and of processes that it has started. Read from outside
 * and in the same way for every contestant, so that nobody reports on itself.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second in `/proc/<pid>/stat`: the same on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of CPU that a server has used since it began: its process and those below it. @throws Error if there is no such process. */
export function cpuSecondsOfAll(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + cpuSeconds(one), 0);
}

/** The processes that this one has started, and that still run. */
export function childrenOf(pid: number): readonly number[] {
  if (process.platform === "linux") return numbersIn(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
  const all = execFileSync("ps", ["-A", "-o", "ppid=,pid="], { encoding: "utf8" }).split("\n").map(numbersIn);
  return all.flatMap(([parent, child]) => (parent === pid && child !== undefined ? [child] : []));
}

const numbersIn = (text: string) => text.trim().split(/\s+/).filter(Boolean).map(Number);

/** Seconds of CPU that the process has used since it began. @throws Error if there is no such process. */
export function cpuSeconds(pid: number): number {
  if (process.platform !== "linux") return secondsByPs(pid);
  return secondsBySchedule(pid) ?? secondsByTicks(pid);
}

/** To the nanosecond, where the kernel keeps count; threads that have ended are missing, but servers keep theirs. */
function secondsBySchedule(pid: number): number | null {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const spent = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]));
    const total = spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0);
    return total > 0 ? total / 1e9 : null;
  } catch {
    return null;
  }
}

/** To a hundredth of a second: user and system time, the 14th and 15th field of `stat`. */
function secondsByTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** `[days-][hours:]minutes:seconds[.hundredths]`. */
function secondsByPs(pid: number): number {
  const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" }).trim();
  const [days, clock] = text.includes("-") ? text.split("-") : ["0", text];
  const seconds = (clock ?? "").split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}

/** Bytes that the process holds in memory (its resident set). */
export function residentBytes(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).trim()) * 1024;
}
