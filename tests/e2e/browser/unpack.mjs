// Unpacks the Chromium of the npm package into the folder named by TMPDIR.
// AWS_EXECUTION_ENV makes the package unpack the shared libraries it ships as well.
import chromium from "@sparticuz/chromium";

await chromium.executablePath();
