// Lint about meaning; layout is prettier's. test/architecture.test.ts enforces the import rule itself.
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const pure = ['wire', 'vocabulary', 'dhcp4', 'acd'].map((folder) => `plugin/${folder}/**/*.ts`);
const root = fileURLToPath(new URL('..', import.meta.url));
const plain = [
  'plugin/*.ts',
  ...['wire', 'vocabulary', 'dhcp4', 'acd', 'options', 'api', 'pools', 'networks', 'net'].map(
    (folder) => `plugin/${folder}/**/*.ts`,
  ),
  'plugin/leasing/!(lease-service|lease-client|client-runner).ts',
  'plugin/leasing/*/**/*.ts',
  'bench/site/{driver,machine,plugin-log,process,responder,site,variants}.ts',
  'bench/parts/{calls,footprint,scale}.ts',
  'bench/{main,options,figures/statistics}.ts',
  'test/support/**/*.ts',
  'test/unit/!(service-unit.test).ts',
  'test/unit/*/**/*.ts',
  'test/{contract,e2e,fixtures,hostile,ipam,kernel,lan,recovery,sim}/**/*.ts',
  'test/*.ts',
];

export default tseslint.config(
  {
    files: ['plugin/**/*.ts', 'bench/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: root } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'name every export' },
      ],
      'max-lines': ['error', { max: 300, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'max-lines': 'off' },
  },
  {
    // Comments obey the 100 columns of the code. The other folders follow as they are rewritten.
    files: plain,
    rules: { 'max-len': ['error', { code: 10_000, comments: 100 }] },
  },
  {
    files: ['test/**/*.config.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: pure,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['Date', 'process', 'setTimeout', 'setInterval', 'performance', 'Buffer', 'console'],
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'the core is told: take `random` as input' },
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'the core is pure' }] },
      ],
    },
  },
);
