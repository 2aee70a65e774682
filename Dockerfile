# One node in a container:
#
#   docker build -t guild-home .
#   docker run -p 8000:8000 -p 8000:8000/udp -v guild-data:/data -v guild-config:/config guild-home
#
# Settings are the GUILD_ variables; words behind the image's name replace `run`:
#   docker run --rm -v guild-config:/config guild-home swarm-key

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json LICENSE README.md CHANGELOG.md SECURITY.md ./
COPY bin ./bin
COPY protocol ./protocol
COPY src ./src
COPY test/support/bundle.ts test/support/root.ts ./test/support/
# The build needs what only developers need, so that goes afterwards.
RUN npm ci && npm prune --omit=dev

FROM node:22-slim
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/README.md /app/CHANGELOG.md /app/SECURITY.md ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/src ./dist/src
COPY --from=build /app/dist/command ./dist/command
COPY --from=build /app/src ./src
COPY --from=build /app/bin ./bin
COPY --from=build /app/protocol ./protocol
# A fresh volume takes owner and mode of the folder it covers, so both belong to the user below.
# /data is one node's own; /config holds swarm.key, made if missing, and may be shared by many.
RUN install --directory --mode 0700 --owner node --group node /data /config
ENV NODE_ENV=production GUILD_PORT=8000 GUILD_DATA_DIR=/data XDG_CONFIG_HOME=/config
USER node
VOLUME ["/data", "/config"]
EXPOSE 8000/tcp 8000/udp
# Does it listen? Asks by GUILD_PORT, so set the port there and not with --port.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["node", "-e", "const s = require('node:net').connect(process.env.GUILD_PORT, '127.0.0.1', () => process.exit(0)); s.on('error', () => process.exit(1)); s.setTimeout(4000, () => process.exit(1))"]
# node and not npm is process 1: it hears SIGTERM, says its goodbyes and ends.
ENTRYPOINT ["node", "bin/guild-home.js"]
CMD ["run"]
