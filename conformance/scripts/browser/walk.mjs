// A person in Chromium: signs in to a relying party through a provider, signs out at the provider, and is out at the relying party.
//
// node walk.mjs, with these in the environment:
//   PLAYWRIGHT  folder whose node_modules holds playwright-core      SHOTS  folder for screenshots and profile
//   RP          address of a page that needs a login                 RP_LOG access log of the relying party
//   ISSUER      of the provider                                      CERT_PIN base64 SHA-256 of its public key, if no root vouches for it
//   USER_NAME, PASSWORD, OTHER_NAME, OTHER_PASSWORD: two people of the provider
// Prints PASS or FAIL with a sentence for each step; ends with 0 if all passed.
import { readFileSync } from 'node:fs';
import { browser, play, step } from './person.mjs';

const { RP, RP_LOG, ISSUER, USER_NAME, PASSWORD, OTHER_NAME, OTHER_PASSWORD } = process.env;
const rp = new URL(RP).origin;

const heading = async (page) => (await page.getByRole('heading').first().textContent()).trim();
const at = (page, origin) => page.waitForURL((url) => url.origin === origin, { timeout: 10_000 });

// Fields by their labels and buttons by their words; a page without labels by what stands in its empty fields.
async function signIn(page, name, password) {
  const field = (words) => page.getByLabel(words).or(page.getByPlaceholder(words)).first();
  await field(/user|login|e-?mail/i).fill(name, { timeout: 10_000 });
  await field(/password/i).fill(password);
  await page.getByRole('button', { name: /sign.?in|log.?in/i }).click();
}

// A provider may ask whether the relying party may have what it asks for, or may not.
async function allow(page) {
  await page.waitForLoadState();
  if (new URL(page.url()).origin !== rp) await page.getByRole('button', { name: /^(allow|continue|approve|accept|yes)/i }).click();
  await at(page, rp);
}

async function run() {
  const [alice, bob] = await Promise.all([browser.newContext(), browser.newContext()]);
  const page = await alice.newPage();
  const bobs = await bob.newPage();
  const provider = new URL(ISSUER).origin;

  await step('the relying party sends a stranger to the provider', page, async () => {
    await page.goto(RP);
    await at(page, provider);
  });
  await step(`${USER_NAME} signs in there and comes back`, page, async () => {
    await signIn(page, USER_NAME, PASSWORD);
    await allow(page);
  });
  let greeting = '';
  await step('the relying party knows who it is', page, async () => {
    greeting = await heading(page);
    return /^Signed in as .+/.test(greeting);
  });
  await step('it asks nobody as long as its own session lives', page, async () => {
    await page.goto(RP);
    return new URL(page.url()).origin === rp && await heading(page) === greeting;
  });
  await step(`${OTHER_NAME} signs in, in another browser`, bobs, async () => {
    await bobs.goto(RP);
    await signIn(bobs, OTHER_NAME, OTHER_PASSWORD);
    await allow(bobs);
    return /^Signed in as .+/.test(await heading(bobs)) && await heading(bobs) !== greeting;
  });

  const told = () => readFileSync(RP_LOG, 'utf8').split('\n').filter((line) => line.includes('logout=backchannel'));
  await step('nobody has told the relying party of a logout yet', page, () => told().length === 0);
  const out = await alice.newPage();
  await step(`${USER_NAME} signs out at the provider, which asks first`, out, async () => {
    const metadata = await (await out.goto(`${ISSUER.replace(/\/$/, '')}/.well-known/openid-configuration`)).json();
    await out.goto(metadata.end_session_endpoint);
    await out.getByRole('button', { name: /^(sign.?out|log.?out|yes)/i }).click();
  });
  await step('the provider says that it is done', out, async () => {
    await out.getByRole('heading', { name: /sign(ed|-| ).?out/i }).waitFor({ timeout: 10_000 });
    return new URL(out.url()).origin === provider;
  });
  await step('it has told the relying party, once, which agreed', page, () => {
    const lines = told();
    for (const line of lines) console.log(`     ${line}`);
    return lines.length === 1 && / (200|204)$/.test(lines[0]);
  });
  await step(`the session of ${USER_NAME} at the relying party is gone`, page, async () => {
    const answer = await alice.request.get(RP, { maxRedirects: 0 });
    if (answer.status() !== 302 || !answer.headers().location.startsWith(provider)) throw new Error(`it answered ${answer.status()}`);
    await page.goto(RP);
    await at(page, provider);
  });
  await step(`the session of ${OTHER_NAME} is not`, bobs, async () => {
    await bobs.goto(RP);
    return new URL(bobs.url()).origin === rp && /^Signed in as .+/.test(await heading(bobs));
  });
}

await play(run);
