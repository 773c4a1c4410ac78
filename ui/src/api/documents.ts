/** Documents, and what is found in them, as REST tells of them. */
import { answered, done, http } from './http'
import { everyPage, LARGEST_PAGE, part } from './pages'
import type {
  CollectionSummary,
  Document,
  DocumentFilters,
  DocumentText,
  FoundPassage,
  Page,
  Passage,
  SearchRequest,
} from './types'

export function listDocuments(
  { collection, q }: DocumentFilters,
  cursor: string | null,
  limit = 100,
): Promise<Page<Document>> {
  const query = {
    ...part(limit, cursor),
    ...(collection === '' ? {} : { collection }),
    ...(q === '' ? {} : { q }),
  }
  return answered(http.GET('/api/documents', { params: { query } }))
}

/** All documents that fit, newest first. */
export function allDocuments(filters: DocumentFilters): Promise<Document[]> {
  return everyPage((cursor) => listDocuments(filters, cursor, LARGEST_PAGE))
}

export function getDocument(documentId: string): Promise<Document> {
  return answered(http.GET('/api/documents/{document_id}', { params: { path: { document_id: documentId } } }))
}

/** What was read from the document: the text that its passages point into. */
export function documentText(documentId: string): Promise<DocumentText> {
  const params = { path: { document_id: documentId } }
  return answered(http.GET('/api/documents/{document_id}/text', { params }))
}

export function listPassages(
  documentId: string,
  cursor: string | null,
  limit = LARGEST_PAGE,
): Promise<Page<Passage>> {
  const params = { path: { document_id: documentId }, query: part(limit, cursor) }
  return answered(http.GET('/api/documents/{document_id}/passages', { params }))
}

/** All passages of a document, in its order. */
export function allPassages(documentId: string): Promise<Passage[]> {
  return everyPage((cursor) => listPassages(documentId, cursor))
}

/** It is asked even if the page is being left. */
export function deleteDocument(documentId: string): Promise<void> {
  const params = { path: { document_id: documentId } }
  return done(http.DELETE('/api/documents/{document_id}', { params, keepalive: true }))
}

export async function listCollections(): Promise<CollectionSummary[]> {
  return (await answered(http.GET('/api/collections'))).items
}

/** What `retrieve` gives an agent for the same query, the best first. */
export async function searchPassages(search: SearchRequest): Promise<FoundPassage[]> {
  return (await answered(http.POST('/api/search', { body: search }))).passages
}
