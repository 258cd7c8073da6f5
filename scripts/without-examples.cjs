// Print an OpenAPI document without its examples, which the screens' client does not need.
const { readFileSync } = require("node:fs");

const without = (key, value) => (key === "example" || key === "examples" ? undefined : value);
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(process.argv[2], "utf8")), without));
