/** A figure that was promised, as it was measured. */
export type Finding = {
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** Required; `null` where nothing was promised. */
  readonly reach: number | null;
  /** Where we are going. */
  readonly aim: number | null;
  readonly better: "more" | "less";
  /** Measures it once more. */
  readonly again: () => Promise<number>;
};

/** Of figures: a ratio, or what is counted. */
export type Unit = "ratio" | "ms" | "MB" | "bytes" | "/s" | "";

/** Whether the value is good enough. */
export function isReached({ value, reach, better }: Finding): boolean {
  return reach === null || isWithin(value, reach, better);
}

/** How far a finding got. */
export function verdictOn(finding: Finding): string {
  const { value, aim, reach, better } = finding;
  if (reach === null) return "";
  if (!isReached(finding)) return "OUT OF REACH";
  return aim !== null && isWithin(value, aim, better) ? "aim" : "reach";
}

/** Measures what is out of reach again, twice at most, and tells what; the first good value counts. */
export async function measuredAgain(
  findings: readonly Finding[],
  tell: (text: string) => void,
): Promise<readonly Finding[]> {
  if (findings.every(isReached)) return findings;
  const settled: Finding[] = [];
  for (const first of findings) {
    let finding = first;
    for (let times = 0; times < 2 && !isReached(finding); times += 1) {
      tell(`measuring again: ${finding.what}`);
      finding = { ...finding, value: await finding.again() };
    }
    settled.push(finding);
  }
  return settled;
}

function isWithin(value: number, bound: number, better: Finding["better"]): boolean {
  return better === "more" ? value >= bound : value <= bound;
}
