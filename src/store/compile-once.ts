/**
 * Queries that are asked at every refresh, login or signup. To put one together takes
 * Kysely several times as long as SQLite to answer it, so that is done once.
 */
import type { Compilable, CompiledQuery, QueryResult } from "kysely";
import type { Queries } from "./store.ts";

/** What values a query is asked with. */
type Values = readonly (string | number | null)[];

/** A query that can be put together; what it would be answered with is known by its type. */
type Query<Row> = Compilable & { readonly execute: () => Promise<Row[]> };

/** A query whose values are known by their places. */
type Template = { readonly query: CompiledQuery; readonly parameters: (given: Values) => unknown[] };

/**
 * A function that asks what `build` puts together, which must not depend on the values.
 * `samples`: values to put it together with, each different from all others in the query.
 */
export function compileOnce<Given extends Values, Row>(
  build: (db: Queries, ...given: Given) => Query<Row>,
  samples: Given,
) {
  // Each database has a language of its own.
  const templates = new WeakMap<Queries, Template>();

  function templateFor(db: Queries): Template {
    const known = templates.get(db);
    if (known !== undefined) return known;
    const template = templateOf(build(db, ...samples).compile(), samples);
    templates.set(db, template);
    return template;
  }

  return function askFor(db: Queries, ...given: Given): Promise<QueryResult<Row>> {
    const { query, parameters } = templateFor(db);
    return ask<Row>(db, { ...query, parameters: parameters(given) });
  };
}

/** Longer lists are rare, and each length would be kept for good. */
const LONGEST_LIST = 32;

/** The same for a query about a list of texts, which is put together once for each length of list, up to a bound. */
export function compileOnceForList<Row>(build: (db: Queries, texts: readonly string[]) => Query<Row>) {
  const byLength = new Map<number, (db: Queries, ...texts: string[]) => Promise<QueryResult<Row>>>();

  return function askFor(db: Queries, texts: readonly string[]): Promise<QueryResult<Row>> {
    if (texts.length > LONGEST_LIST) return ask<Row>(db, { ...build(db, texts).compile() });
    const samples = texts.map((_text, index) => `text ${index}`);
    const known = byLength.get(texts.length) ?? compileOnce((one, ...given: string[]) => build(one, given), samples);
    byLength.set(texts.length, known);
    return known(db, ...texts);
  };
}

/** The same for a query that adds a row, with all of its columns; put together once for each order of them. */
export function compileOnceForRow<Row extends object, Result>(build: (db: Queries, row: Row) => Query<Result>) {
  const byColumns = new WeakMap<Queries, Map<string, CompiledQuery>>();

  return function askFor(db: Queries, row: Row): Promise<QueryResult<Result>> {
    const parameters = Object.values(row);
    const columns = Object.keys(row).join();
    const known = byColumns.get(db) ?? new Map<string, CompiledQuery>();
    byColumns.set(db, known);
    const query = known.get(columns) ?? build(db, blankLike(row)).compile();
    known.set(columns, query);
    if (query.parameters.length !== parameters.length) throw new Error(`a value is missing from: ${query.sql}`);
    return ask<Result>(db, { ...query, parameters });
  };
}

/** With the same columns in the same order, and nothing of what is in them: what is put together is kept. */
function blankLike<Row extends object>(row: Row): Row {
  const blank = { ...row };
  for (const column of Object.keys(blank)) Reflect.set(blank, column, "");
  return blank;
}

/** What runs queries. */
type Shortcut = { readonly executeQuery: <Row>(query: CompiledQuery) => Promise<QueryResult<Row>> };

const shortcuts = new WeakMap<Queries, Shortcut>();

/** Has the queries of `db` that are put together once run by `shortcut`: its one connection, which need not be taken in turns. */
export function setShortcut(db: Queries, shortcut: Shortcut): void {
  shortcuts.set(db, shortcut);
}

/** Asks now: by way of Kysely, it would be later. */
function ask<Row>(db: Queries, query: CompiledQuery): Promise<QueryResult<Row>> {
  return shortcuts.get(db)?.executeQuery<Row>(query) ?? db.executeQuery<Row>(query);
}

function templateOf(query: CompiledQuery, samples: Values): Template {
  const places = query.parameters.map((value) => samples.findIndex((sample) => Object.is(sample, value)));
  if (samples.some((_sample, index) => !places.includes(index)))
    throw new Error(`a value is missing from: ${query.sql}`);
  return {
    query,
    parameters: (given) =>
      query.parameters.map((value, place) => {
        const index = places[place] ?? -1;
        return index === -1 ? value : given[index];
      }),
  };
}
