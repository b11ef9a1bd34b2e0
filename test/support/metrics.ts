/** Metrics as a scraper reads them. */

/** Values by series, as they are written: `name{label="value"}`. */
export type Scrape = {
  readonly text: string;
  /** The value of a series; fails if there is none. */
  readonly value: (series: string) => number;
  /** Every series of a metric. */
  readonly seriesOf: (name: string) => readonly string[];
};

/** Reads what `url` tells. */
export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const values = new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))] as const;
    }),
  );
  return {
    text,
    value(series) {
      const value = values.get(series);
      if (value === undefined) throw new Error(`there is no series ${series}`);
      return value;
    },
    seriesOf: (name) => [...values.keys()].filter((series) => series.split("{")[0] === name),
  };
}
