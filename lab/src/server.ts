/** Requests to the server extension; the types are those of nbrelease.lab in Python. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** A replacement in a cell: lines and columns count from 1, columns in code points. */
export interface ICellEdit {
  cell: string;
  start: [number, number];
  end: [number, number];
  text: string;
}

export interface IQuickFix {
  title: string;
  edits: ICellEdit[];
}

export interface IFinding {
  code: string;
  level: 'error' | 'warning' | 'note';
  path: string;
  cell: string;
  line: number;
  column: number;
  message: string;
  fix: string;
  link: string;
  fixes: IQuickFix[];
}

export interface IEdit {
  path: string;
  title: string;
  diff: string;
}

export interface IPreviewLine {
  text: string;
  cell: string;
  line: number;
}

export interface INotebookState {
  state: 'not tagged' | 'failed' | 'edited by hand' | 'stale' | 'fresh';
  module: string;
  cells: { id: string; tags: string[] }[];
  findings: IFinding[];
  stale: string[];
  edits: IEdit[];
  untested: string[];
  preview: IPreviewLine[];
}

export interface IWritten {
  files: string[];
  findings: IFinding[];
  refused: IEdit[];
}

const settings = ServerConnection.makeSettings();

/** The address of a page of the server. */
export function address(...parts: string[]): string {
  return URLExt.join(settings.baseUrl, ...parts);
}

export async function fetchFrom(
  url: string,
  init: RequestInit = {}
): Promise<Response> {
  return ServerConnection.makeRequest(url, init, settings);
}

/** The content of a response with an error status. */
export interface IRefusal {
  message: string;
  findings?: IFinding[];
}

export async function readRefusal(response: Response): Promise<IRefusal> {
  const text = await response.text();
  try {
    return JSON.parse(text) as IRefusal;
  } catch {
    // a proxy's page and not an answer of the extension: its status is the message
    return { message: `${response.status} ${response.statusText}` };
  }
}

async function check(response: Response): Promise<Response> {
  if (!response.ok) {
    throw new Error((await readRefusal(response)).message);
  }
  return response;
}

async function read<T>(response: Response): Promise<T> {
  return (await (await check(response)).json()) as T;
}

export async function get<T>(
  name: string,
  query: Record<string, string>
): Promise<T> {
  const url = address('nbrelease', name) + URLExt.objectToQueryString(query);
  return read<T>(await fetchFrom(url));
}

async function send<T>(
  method: string,
  name: string,
  query: Record<string, string>,
  body?: string
): Promise<T> {
  const url = address('nbrelease', name) + URLExt.objectToQueryString(query);
  const response = await check(await fetchFrom(url, { method, body }));
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export async function post<T>(
  name: string,
  query: Record<string, string>,
  body = ''
): Promise<T> {
  return send<T>('POST', name, query, body);
}

export async function put<T>(
  name: string,
  query: Record<string, string>,
  body: string
): Promise<T> {
  return send<T>('PUT', name, query, body);
}

export async function remove<T = void>(
  name: string,
  query: Record<string, string>
): Promise<T> {
  return send<T>('DELETE', name, query);
}

export interface IFormField {
  name: string;
  type: string;
  choices: string[];
  value: string;
  help: string;
  group: string;
}

export interface IForm {
  name: string;
  env: string;
  environments: string[];
  model: string;
  models: string[];
  fields: IFormField[];
  /** The id of the newest run of this notebook, or empty. */
  run: string;
}

export interface IProgress {
  verdict: string;
  message: string;
  path: string;
  cells: {
    id: string;
    state: string;
    seconds: number | null;
    /** The last line that a running cell printed. */
    line: string;
  }[];
}

export interface IRelease {
  id: string;
  env: string;
  started: string;
  verdict: string;
  headline: string;
  model: string;
  page: string;
}

export interface IJob {
  name: string;
  display: string;
  state: string;
  started: string | null;
  finished: string | null;
  step: string;
}

export interface IStage {
  name: string;
  display: string;
  state: string;
  started: string | null;
  finished: string | null;
  /** Environments whose approval is missing. */
  waiting: string[];
  approvals: { decision: string; name: string; comment: string }[];
  jobs: IJob[];
}

export interface IRehearsal {
  pipeline: string;
  model: string;
  run: string;
  name: string;
  result: string;
  verdict: string;
  messages: string[];
  page: string;
  stages: IStage[];
}

export interface IRehearsals {
  pipelines: string[];
  models: string[];
  reviewer: string;
  running: boolean;
  starting: boolean;
  stoppable: boolean;
  message: string;
  now: string;
  rehearsals: IRehearsal[];
}
