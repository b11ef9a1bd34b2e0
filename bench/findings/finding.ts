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

/** Measures what is out of reach again, twice at most; the first good value counts. */
export async function measuredAgain(findings: readonly Finding[]): Promise<Finding[]> {
  const settled: Finding[] = [];
  for (const first of findings) {
    let finding = first;
    for (let times = 0; times < 2 && !isReached(finding); times += 1) {
      finding = { ...finding, value: await finding.again() };
    }
    settled.push(finding);
  }
  return settled;
}

function isWithin(value: number, bound: number, better: Finding["better"]): boolean {
  return better === "more" ? value >= bound : value <= bound;
}
