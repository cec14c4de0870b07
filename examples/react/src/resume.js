import { ApolloLink } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { Observable } from 'rxjs';

/**
 * Resumes a subscription after the last event that arrived. graphql-ws sends the variables again with
 * each new connection; this link keeps `$after` in them current. Without stored events after the
 * cursor, the subscription starts again with the latest prices.
 */
export class ResumeLink extends ApolloLink {
  constructor(field) {
    super();
    this.field = field;
  }

  request(operation, forward) {
    return new Observable((observer) => {
      let inner;
      const start = () => {
        inner = forward(operation).subscribe({
          next: (result) => {
            if (expired(result.errors)) return restart();
            const cursor = result.data?.[this.field]?.cursor;
            if (cursor) operation.variables.after = cursor;
            observer.next(result);
          },
          error: (error) => (CombinedGraphQLErrors.is(error) && expired(error.errors) ? restart() : observer.error(error)),
          complete: () => observer.complete(),
        });
      };
      const restart = () => {
        inner?.unsubscribe();
        operation.variables.after = null;
        start();
      };
      start();
      return () => inner.unsubscribe();
    });
  }
}

const expired = (errors) => errors?.some(({ extensions }) => extensions?.reason === 'CURSOR_EXPIRED');
