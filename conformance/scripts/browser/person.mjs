// A person in Chromium, step by step; `walk.mjs` and `device.mjs` say what the person does.
//
// In the environment: PLAYWRIGHT folder whose node_modules holds playwright-core, SHOTS folder for screenshots, CERT_PIN base64 SHA-256 of
// the provider's public key, if no root vouches for it.
import { createRequire } from 'node:module';

const { PLAYWRIGHT, SHOTS, CERT_PIN } = process.env;
const { chromium } = createRequire(`${PLAYWRIGHT}/x.js`)('playwright-core');

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', ...(CERT_PIN ? [`--ignore-certificate-errors-spki-list=${CERT_PIN}`] : [])],
});
let shots = 0;

// A step has failed and has said so; what comes after it cannot be asked.
class NotSo extends Error {}

// Prints PASS or FAIL with the sentence, and keeps a picture of the page.
export async function step(sentence, page, happens) {
  let why = '';
  try {
    why = await happens() === false ? 'it is not so' : '';
  } catch (error) {
    why = error.message.split('\n')[0];
  }
  const shot = `${SHOTS}/${++shots}.png`;
  await page?.screenshot({ path: shot, fullPage: true }).catch(() => {});
  console.log(why ? `FAIL ${sentence}: ${why} (at ${page?.url()}, seen in ${shot})` : `PASS ${sentence}`);
  if (why) throw new NotSo();
}

// Plays the steps, closes the browser, and ends the process: with 0 if all passed.
export async function play(steps) {
  let failed = 0;
  try {
    await steps();
  } catch (error) {
    failed = 1;
    if (!(error instanceof NotSo)) console.log(`FAIL ${error.message}`);
  } finally {
    await browser.close();
  }
  console.log(failed ? 'FAIL' : 'PASS');
  process.exit(failed);
}
