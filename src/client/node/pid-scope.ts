import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * Within what a process id means the same process: equal for two processes only if each can tell whether the other
 * lives. `null` if that cannot be told. A host name is not enough: containers share it, and not their processes.
 */
export function pidScope(): string | null {
  if (process.platform !== "linux") return hostname();
  try {
    // Of one run of one kernel, and one of its namespaces of process ids.
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return boot === "" ? null : `${hostname()} ${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}
