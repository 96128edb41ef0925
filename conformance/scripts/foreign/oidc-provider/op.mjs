// node-oidc-provider as a foreign target: http://127.0.0.1:PORT, clients by open dynamic registration, users alice and bob.
// Run by start.sh, which names the folder that holds the package (OIDC_PROVIDER). PORT (4100) and ISSUER (loopback at that port) may be said;
// SAME_SITE=lax takes back the cookies that go with POST, which a browser refuses over plain http.
//
// What the package does by default stays as it is, but for this: passwords are checked, PKCE is asked of every client, the authorization
// and logout endpoints take POST as well, a client may have scopes of its own, claims can be asked for by name, subjects may be pairwise and UserInfo signed, refresh tokens do not need offline_access, and loopback addresses may be told of a logout.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const home = process.env.OIDC_PROVIDER ?? process.cwd();
const { Provider } = await import(pathToFileURL(createRequire(`${home}/x.js`).resolve('oidc-provider')));

const port = Number(process.env.PORT ?? 4100);
const people = {
  alice: { name: 'Alice Example', given_name: 'Alice', family_name: 'Example', email: 'alice@example.test', password: "alice's password" },
  bob: { name: 'Bob Example', given_name: 'Bob', family_name: 'Example', email: 'bob@example.test', password: "bob's password" },
};

const key = (kid, alg, ...pair) => ({ ...generateKeyPairSync(...pair).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });

const post = process.env.SAME_SITE !== 'lax';
const op = new Provider(process.env.ISSUER ?? `http://127.0.0.1:${port}`, {
  jwks: { keys: [
    key('rsa', 'RS256', 'rsa', { modulusLength: 2048 }),
    key('p256', 'ES256', 'ec', { namedCurve: 'P-256' }),
    key('ed25519', 'EdDSA', 'ed25519'),
  ] },
  enableHttpPostMethods: post,
  cookies: { keys: ['signs the cookies of a provider that lives for one run'], ...(post && { long: { sameSite: 'none' } }) },
  findAccount: (_ctx, sub) => {
    const { password: _, ...profile } = people[sub] ?? {};
    return people[sub] && { accountId: sub, claims: async () => ({ sub, ...profile, email_verified: true }) };
  },
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name'], email: ['email', 'email_verified'] },
  scopes: ['openid', 'offline_access', 'orders.read', 'orders.write'],       // the last two are those of the client `service`
  pkce: { required: () => true },
  subjectTypes: ['public', 'pairwise'],
  pairwiseIdentifier: (_ctx, sub, { sectorIdentifier }) => createHash('sha256').update(`${sectorIdentifier} ${sub} of one run`).digest('hex'),
  // The default asks for offline_access, which a web client is granted with prompt=consent only.
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    claimsParameter: { enabled: true },
    jwtUserinfo: { enabled: true },
  },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, DeviceCode: 300, Grant: 30 * 86400, IdToken: 3600,
    Interaction: 3600, RefreshToken: 30 * 86400, Session: 14 * 86400 },
  // Its dispatcher refuses to connect to special-use addresses, loopback among them, where all relying parties of a test live.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
});

// The development pages let anybody in with any password. A wrong one leads back to the page that asked.
op.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path.startsWith('/interaction/')) {
    let text = '';
    for await (const part of ctx.req) text += part;
    const form = Object.fromEntries(new URLSearchParams(text));
    if (form.prompt === 'login' && people[form.login]?.password !== form.password) {
      ctx.status = 303;
      ctx.redirect(ctx.path);
      return;
    }
    ctx.req.body = form;
  }
  await next();
});

for (const event of ['server_error', 'backchannel.error', 'registration_create.error'])
  op.on(event, (_ctx, error) => console.error(event, error.message, error.cause?.message ?? error.error_description ?? ''));
const server = op.listen(port, '127.0.0.1', () => console.log(`oidc-provider at http://127.0.0.1:${port}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { server.close(); server.closeAllConnections(); process.exit(0); });
