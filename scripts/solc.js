#!/usr/bin/env node
// The Solidity compiler from npm (one build for every platform) behind the two calls that py-solc-x, forge, ape and
// slither make of a native compiler: `--version` and `--standard-json`.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const args = process.argv.slice(2);

if (args.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
  process.exit(0);
}

if (!args.includes("--standard-json")) {
  process.stderr.write("solc (npm build): only --version and --standard-json are answered\n");
  process.exit(2);
}

// An import that the request does not carry is looked for where native solc would look for it.
const searched = [];
for (let i = 0; i < args.length; i += 1) {
  const match = /^--(?:base|include)-path(?:=(.*))?$/.exec(args[i]);
  if (match) searched.push(match[1] ?? args[i + 1]);
}
if (searched.length === 0) searched.push(process.cwd());

function findImport(name) {
  for (const folder of searched) {
    const file = path.resolve(folder, name);
    if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
  }
  return { error: `File not found: ${name} (looked in ${searched.join(", ")})` };
}

const answer = Buffer.from(solc.compile(fs.readFileSync(0, "utf8"), { import: findImport }), "utf8");
process.stdout.write(answer);
