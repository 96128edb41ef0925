// A device that somebody else has written, and a person in Chromium who enters its code: yes by typing it, no by its complete address.
//
// node device.mjs, with these in the environment:
//   PLAYWRIGHT, CLIENT  folders whose node_modules hold playwright-core and openid-client     SHOTS  folder for screenshots
//   ISSUER              of the provider; NODE_EXTRA_CA_CERTS vouches for it                   CERT_PIN base64 SHA-256 of its public key
//   USER_NAME, PASSWORD of somebody there
// Prints PASS or FAIL with a sentence for each step; ends with 0 if all passed.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { browser, play, step } from './person.mjs';

const { CLIENT, ISSUER, USER_NAME, PASSWORD } = process.env;
const client = await import(pathToFileURL(createRequire(`${CLIENT}/x.js`).resolve('openid-client')));

const heading = (page, name) => page.getByRole('heading', { name }).waitFor({ timeout: 10_000 });
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

async function run() {
  const config = await client.discovery(new URL(ISSUER), 'tv', undefined, client.None());
  const page = await (await browser.newContext({ locale: 'en-GB', viewport: { width: 480, height: 800 } })).newPage();
  const scope = 'openid profile offline_access';

  let device;
  await step('the device is given its codes', null, async () => {
    device = await client.initiateDeviceAuthorization(config, { scope });
    return device.verification_uri === `${ISSUER}/device` && device.interval === 5;
  });
  const polling = client.pollDeviceAuthorizationGrant(config, device);
  polling.catch(() => {});
  await step('a wrong code is not taken', page, async () => {
    await page.goto(device.verification_uri);
    await page.getByLabel('Code').fill('BBBB-BBBB');
    await press(page, 'Continue');
    await page.getByRole('alert').waitFor({ timeout: 10_000 });
  });
  await step('the right one is, in lower case and without its dash', page, async () => {
    await page.getByLabel('Code').fill(device.user_code.toLowerCase().replace('-', ''));
    await press(page, 'Continue');
    await heading(page, 'Sign in');
  });
  await step(`${USER_NAME} signs in and is asked about this very code`, page, async () => {
    await page.getByLabel('Name or e-mail address').fill(USER_NAME);
    await page.getByLabel('Password').fill(PASSWORD);
    await press(page, 'Sign in');
    await heading(page, 'Connect this device?');
    return await page.getByText(device.user_code, { exact: true }).isVisible();
  });
  await step('and agrees', page, async () => {
    await press(page, 'Allow');
    await heading(page, 'Device connected');
  });
  let tokens;
  await step('the device gets tokens that its library takes', page, async () => {
    tokens = await polling;
    return tokens.claims().sub.length > 0 && typeof tokens.refresh_token === 'string';
  });
  await step('they are about the person who agreed', null, async () => {
    const person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    return person.name === 'Alice Adams';
  });
  await step('and can be refreshed', null, async () => {
    const again = await client.refreshTokenGrant(config, tokens.refresh_token);
    return again.access_token !== tokens.access_token && again.claims().sub === tokens.claims().sub;
  });

  const german = await (await browser.newContext({ locale: 'de-DE', viewport: { width: 480, height: 800 } })).newPage();
  const second = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
  await step('a browser that prefers German has the page in German, with the code filled in', german, async () => {
    await german.goto(second.verification_uri_complete);
    await heading(german, 'Ein Gerät verbinden');
    return await german.getByLabel('Code').inputValue() === second.user_code && await german.locator('html').getAttribute('lang') === 'de';
  });
  await step('and is asked there', german, async () => {
    await press(german, 'Weiter');
    await heading(german, 'Anmelden');
    await german.getByLabel('Name oder E-Mail-Adresse').fill(USER_NAME);
    await german.getByLabel('Passwort').fill(PASSWORD);
    await press(german, 'Anmelden');
    await heading(german, 'Dieses Gerät verbinden?');
  });
  await step('a no is a no', german, async () => {
    await press(german, 'Ablehnen');
    await heading(german, 'Gerät nicht verbunden');
  });
  await step('which the device is told', null, async () => {
    const said = await client.pollDeviceAuthorizationGrant(config, second).then(() => 'tokens', (error) => error.error);
    if (said !== 'access_denied') throw new Error(`it was told ${said}`);
  });
  await step('and the code is used up', german, async () => {
    await german.goto(second.verification_uri_complete);
    await press(german, 'Weiter');
    await german.getByRole('alert').waitFor({ timeout: 10_000 });
  });
}

await play(run);
