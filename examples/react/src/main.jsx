import { ApolloProvider } from '@apollo/client/react';
import { createRoot } from 'react-dom/client';
import { client } from './client.js';
import { Prices } from './Prices.jsx';

createRoot(document.querySelector('#root')).render(
  <ApolloProvider client={client}>
    <Prices />
  </ApolloProvider>,
);
