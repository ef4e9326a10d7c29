// Compiles every contract of this folder to build/NAME.json: {"abi", "bytecode", "deployedBytecode"}, bytes as 0x hex.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const solc = require("solc");

const names = readdirSync(here).filter((name) => name.endsWith(".sol"));
const input = {
  language: "Solidity",
  sources: Object.fromEntries(names.map((name) => [name, { content: readFileSync(join(here, name), "utf8") }])),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    // No metadata: the code, and so its hash, depends on the source alone.
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
};
const read = (path) => {
  try {
    return { contents: readFileSync(require.resolve(path), "utf8") };
  } catch (error) {
    return { error: String(error) };
  }
};
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));

// A warning is an error here too.
if (output.errors?.length) {
  for (const error of output.errors) console.error(error.formattedMessage);
  process.exit(1);
}
mkdirSync(join(here, "build"), { recursive: true });
for (const source of names) {
  for (const [name, contract] of Object.entries(output.contracts[source])) {
    const { bytecode, deployedBytecode } = contract.evm;
    if (!bytecode.object) continue; // abstract
    const made = { abi: contract.abi, bytecode: `0x${bytecode.object}`, deployedBytecode: `0x${deployedBytecode.object}` };
    writeFileSync(join(here, "build", `${name}.json`), `${JSON.stringify(made)}\n`);
  }
}
