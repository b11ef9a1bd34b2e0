/** How far the fault suite goes: all the way by `npm run test:faults`, two minutes of the same code in `npm test`. */

const full = process.env.SALLYPORT_TEST_FAULTS === "full";

/** The count, duration or size that holds for this run. */
export const scaled = <T>(form: { full: T; short: T }): T => (full ? form.full : form.short);

/** How long one test of the suite may take, in milliseconds. */
export const FAULT_TEST_MS = scaled({ full: 600_000, short: 90_000 });
