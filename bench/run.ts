/** `npm run bench`: who answers how many calls for a second of CPU. See README.md. */
import { isReached, measuredAgain } from "./findings/finding.ts";
import { findFullness } from "./findings/fullness.ts";
import { findInstances } from "./findings/instances.ts";
import { findLogoutReach } from "./findings/logout-reach.ts";
import { findPostgresWrites } from "./findings/postgres-writes.ts";
import { findRatios } from "./findings/ratios.ts";
import { findLoadedMemory, findStarts } from "./findings/starts.ts";
import { findStorm } from "./findings/storm.ts";
import { findVerifierSpeed } from "./findings/verifier-speed.ts";
import { findWatchers } from "./findings/watchers.ts";
import { findWorkers } from "./findings/workers.ts";
import { installPeers } from "./install-peers.ts";
import { type Options, readOptions } from "./options.ts";
import { machine, writeReport } from "./report.ts";
import { enterAll, runRounds } from "./rounds.ts";
import { sweep } from "./sweep.ts";
import { findingTable, resultTable } from "./table.ts";
import { createWorld } from "./world/world.ts";

const options = optionsOrEnd();
const { contestants, warmUp, renewedWarmUp } = options;
if (contestants.some(({ needsPeers }) => needsPeers)) installPeers();
const beganAt = performance.now();
const before = machine();
const { load, cores } = before;
if (load > cores / 2)
  tell(`this machine is busy (load ${load.toFixed(1)} on ${cores} cores): the figures will be rough`);
tell("getting ready");
const world = await createWorld({ users: 1000, revoked: 0 });
try {
  const entered = await enterAll(world, contestants, warmUp);
  const schedule = options.schedule(performance.now() - beganAt);
  if (contestants.length > 0) tell(`measuring, ${schedule.rounds} rounds of ${contestants.length}`);
  const renewal = renewedWarmUp && { world, warmUp: renewedWarmUp };
  const warmUpOfNew = renewedWarmUp ?? warmUp;
  const results = await runRounds(entered, schedule, renewal);
  const loaded = findLoadedMemory(world);
  if (contestants.length > 0) say(resultTable(results));
  const parts = [{ schedule, results }];
  const measured = findRatios(results, entered, schedule, renewal);
  if (!options.isPartial) measured.push(...(await findStarts(world)), loaded);
  if (!options.isPartial && !options.isQuick) {
    tell("checks by verifiers; logouts and how fast they reach them");
    measured.push(...(await findVerifierSpeed(world)), ...(await findLogoutReach(world)));
    tell("ten thousand watchers");
    measured.push(...(await findWatchers(world)));
    tell("measuring at other concurrencies");
    for (const part of await sweep(entered, schedule)) {
      say(`concurrency ${part.schedule.window.concurrency}\n${resultTable(part.results)}`);
      parts.push(part);
    }
  }
  if (options.findsStorm) {
    tell("checks in a storm of logins");
    measured.push(...(await findStorm(world, results)));
  }
  if (options.findsFullness) {
    tell("checks with a million users and revoked sessions");
    measured.push(...(await findFullness(world, schedule, warmUpOfNew)));
  }
  if (options.findsWorkers) {
    tell("checks by two workers");
    measured.push(...(await findWorkers(world, schedule, warmUpOfNew)));
  }
  if (options.findsInstances) {
    tell("logouts on three instances of one PostgreSQL");
    measured.push(...(await findInstances(world)));
  }
  if (options.findsPostgresWrites) {
    tell("writes on PostgreSQL");
    measured.push(...(await findPostgresWrites(world)));
  }
  say(findingTable(measured));
  const findings = options.mustReach ? await measuredAgain(measured, tell) : measured;
  if (findings !== measured) say(findingTable(findings));
  say(`as JSON: ${writeReport(before, parts, findings)}`);
  if (options.mustReach && !findings.every(isReached)) process.exitCode = 1;
} finally {
  await world.end();
}

function optionsOrEnd(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

/** How far it is, beside the results. */
function tell(text: string): void {
  process.stderr.write(`${text} …\n`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n\n`);
}
