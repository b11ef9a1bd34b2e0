/** Examines how many processes are to answer on the port. */
import { type Finding, fine, wrong } from "./finding.ts";

/** Whether there is a core for each worker. */
export function examineWorkers(workers: number, cores: number): Finding {
  const found = `${workers} on ${cores} ${cores === 1 ? "core" : "cores"}`;
  if (workers <= cores) return fine(found);
  return wrong(`${found}: they take time and memory from each other`, `set SALLYPORT_WORKERS to ${cores} at most`);
}
