/** Loaded into a process before anything else, this makes its standard input pass for a terminal. */
Object.assign(process.stdin, { isTTY: true, setRawMode: () => process.stdin });
