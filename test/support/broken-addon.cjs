// Loaded into a process before anything else, this leaves it without SQLite, as an addon of another machine would.
const load = process.dlopen;
process.dlopen = (module, file, ...flags) => {
  if (file.includes("sqlite3")) throw new Error("invalid ELF header\nand more");
  load.call(process, module, file, ...flags);
};
