// A real OpenID Connect provider for the tests: panva's certified oidc-provider, with people who are made up.
// Started in the folder where it is installed; prints its issuer on one line. POST /test/... changes it while it runs.
import http from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const found = createRequire(`${process.cwd()}/`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(found));

const people = new Map(); // login -> claims
const clients = JSON.parse(process.argv[2]);
let issuer;
let current;
let alg = 'RS256';

function keys() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return { keys: [{ ...rsa, use: 'sig', kid: randomUUID() }, { ...ec, use: 'sig', kid: randomUUID() }] };
}

function made() {
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({ ...client, id_token_signed_response_alg: alg })),
    jwks: keys(),
    cookies: { keys: ['of the tests'] },
    claims: { openid: ['sub', 'amr'], profile: ['name', 'groups', 'realm_access', 'hospital', 'country'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
    // It guards itself against calls to the inside, where our tests are.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'], clientAuthSigningAlgValues: ['RS256', 'ES256', 'Ed25519'] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Grant: 600, Session: 600 },
    async findAccount(_, sub) {
      return { accountId: sub, claims: async () => ({ sub, ...people.get(sub) }) };
    },
    // Consent is not what is tested here.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();
  return { provider, handle };
}

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return text;
}

const server = http.createServer(async (request, response) => {
  try {
    const path = new URL(request.url, issuer).pathname;
    if (path === '/test/people') {
      for (const [login, claims] of Object.entries(JSON.parse(await body(request)))) people.set(login, claims);
      response.end();
    } else if (path === '/test/client') {
      clients.push(JSON.parse(await body(request)));
      current = made();
      response.end();
    } else if (path === '/test/rotate') {
      alg = JSON.parse(await body(request)).alg ?? alg;
      current = made();
      response.end();
    } else if (path.startsWith('/interaction/')) {
      if (request.method === 'GET') {
        response.setHeader('content-type', 'text/html');
        response.end('<form method="post"><input name="login"><input name="amr"><button>Sign in</button></form>');
        return;
      }
      const form = new URLSearchParams(await body(request));
      if (form.get('login') === '') {
        await current.provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'not today' });
        return;
      }
      const login = { accountId: form.get('login'), amr: form.get('amr')?.split(' ').filter(Boolean), acr: form.get('acr') || undefined };
      await current.provider.interactionFinished(request, response, { login });
    } else {
      current.handle(request, response);
    }
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});

server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  current = made();
  console.log(issuer);
});
// Ends with the tests, however they end.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
