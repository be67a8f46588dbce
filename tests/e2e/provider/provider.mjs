// An OpenID provider for the end-to-end tests: people and the client come in as JSON, its keys are new at every start.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, client, people } = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: `key-${Date.now()}` };

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ ...client, id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'client_secret_basic' }],
  jwks: { keys: [key] },
  cookies: { keys: ['for tests alone'] },
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'sid', 'auth_time', 'acr', 'amr'], profile: ['preferred_username'], groups: ['groups'] },
  acrValues: ['urn:two'],
  scopes: ['openid', 'profile', 'groups'],
  // The deployment is on this machine, where a provider does not call otherwise.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  async findAccount(_ctx, id) {
    const person = people[id];
    return person && { accountId: id, claims: async () => ({ sub: id, ...person }) };
  },
  // Nobody is asked whether this deployment may know who they are.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile groups');
    await grant.save();
    return grant;
  },
});
// Whoever asks for two factors gets them; their own pages know of none.
const finished = provider.interactionFinished.bind(provider);
provider.interactionFinished = async (req, res, result, options) => {
  const { params } = await provider.interactionDetails(req, res);
  if (result.login && params.acr_values === 'urn:two') Object.assign(result.login, { acr: 'urn:two', amr: ['pwd', 'otp', 'mfa'] });
  return finished(req, res, result, options);
};
provider.listen(port, '127.0.0.1', () => console.log('ready'));
