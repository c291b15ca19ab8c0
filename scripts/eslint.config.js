// Lint about meaning; layout is prettier's. test/architecture.test.ts enforces the import rule itself.
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const pure = ['wire', 'vocabulary', 'dhcp4', 'acd'].map((folder) => `plugin/${folder}/**/*.ts`);
const folders = ['plugin', 'cli', 'web', 'bench', 'test', 'scripts'];
const sources = folders.map((folder) => `${folder}/**/*.{ts,tsx}`);
const root = fileURLToPath(new URL('..', import.meta.url));

export default tseslint.config(
  {
    files: sources,
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json', './web/tsconfig.json'], tsconfigRootDir: root },
    },
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
    // Comments obey the 100 columns of the code.
    files: sources,
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
