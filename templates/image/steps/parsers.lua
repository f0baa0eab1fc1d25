-- The languages of LazyVim's own list and those that they need, a line each: name, repository at GitHub, revision and
-- folder; the name alone where there are only queries.
-- Usage: nvim --clean -l parsers.lua PLUGINS
local plugins = _G.arg[1]
local parsers = dofile(plugins .. "/nvim-treesitter/lua/nvim-treesitter/parsers.lua")
local wanted = dofile(plugins .. "/LazyVim/lua/lazyvim/plugins/treesitter.lua")[1].opts.ensure_installed
local listed = {}

local function list(name)
  local parser = parsers[name]
  if listed[name] or not parser then
    return
  end
  listed[name] = true
  local info = parser.install_info
  if info then
    local repository = info.url:gsub("^https://github.com/", ""):gsub("%.git$", "")
    io.write(table.concat({ name, repository, info.revision, info.location or "." }, " "), "\n")
  else
    io.write(name, "\n")
  end
  for _, needed in ipairs(parser.requires or {}) do
    list(needed)
  end
end

for _, name in ipairs(wanted) do
  list(name)
end
