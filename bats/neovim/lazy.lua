-- Stands in for lazy.nvim: as much of it as looks at the plugins' repositories. Its conditions are those of lazy.nvim
-- 11.17 (manage/lock.lua, manage/git.lua, manage/task/git.lua), which no registry has.
local M = { plugins = {} }
local uv = vim.uv

local function first_line(path)
  local file = io.open(path)
  local line = file and file:read("*l")
  if file then
    file:close()
  end
  return line
end

local function git(words, dir)
  local done = vim.system(vim.list_extend({ "git" }, words), { cwd = dir, env = { GIT_TERMINAL_PROMPT = "0" } }):wait()
  return done.code == 0
end

local function add(spec)
  spec = type(spec) == "string" and { spec } or spec
  if spec.optional then
    return
  end
  if spec.import then
    local module = vim.api.nvim_get_runtime_file("lua/" .. spec.import:gsub("%.", "/"), false)[1]
    assert(module or not spec[1] or spec.import == "lazyvim.plugins", "No specs found for module " .. spec.import)
    for file in vim.fs.dir(module or "/nowhere") do
      add(dofile(module .. "/" .. file))
    end
  end
  if type(spec[1]) == "string" and spec[1]:match("^[%w.-]+/[%w._-]+$") then
    local name = spec.name or spec[1]:match("/(.*)")
    M.plugins[name] = {
      name = name,
      url = M.options.git.url_format:format(spec[1]),
      dir = M.options.root .. "/" .. name,
    }
    if spec.import == "lazyvim.plugins" then
      vim.opt.rtp:append(M.plugins[name].dir)
      add({ import = "lazyvim.plugins" })
    end
  elseif not spec.import then
    vim.iter(spec):each(add)
  end
end

local function origin(plugin)
  local file = io.open(plugin.dir .. "/.git/config")
  local text = file and file:read("*a") or ""
  return text:match('%[remote "origin"%].-\n%s*url = (%S+)')
end

local function target(plugin)
  local head = first_line(plugin.dir .. "/.git/refs/remotes/origin/HEAD") or first_line(plugin.dir .. "/.git/HEAD")
  local branch = head and (head:match("refs/remotes/origin/(.*)") or head:match("refs/heads/(.*)"))
  local of = plugin.dir .. "/.git/refs/"
  return branch, branch and (first_line(of .. "remotes/origin/" .. branch) or first_line(of .. "heads/" .. branch))
end

-- The plugins that ':Lazy' lists as failed.
function M.failed()
  local failed = {}
  for name, plugin in pairs(M.plugins) do
    local branch, commit = target(plugin)
    local changed = vim.system({ "git", "ls-files", "-d", "-m" }, { cwd = plugin.dir, text = true }):wait().stdout
    if origin(plugin) ~= plugin.url or not branch or not commit or changed ~= "" then
      failed[#failed + 1] = name
    end
  end
  return failed
end

function M.lock()
  local file = assert(io.open(M.options.lockfile, "wb"))
  file:write("{\n")
  local lines = {}
  for name, plugin in pairs(M.plugins) do
    local branch = assert(target(plugin))
    local head = assert(first_line(plugin.dir .. "/.git/HEAD"))
    local commit = head:match("^ref: ") and first_line(plugin.dir .. "/.git/" .. head:sub(6)) or head
    lines[#lines + 1] = ("  %q: { %q: %q, %q: %q }"):format(name, "branch", branch, "commit", commit)
  end
  table.sort(lines)
  file:write(table.concat(lines, ",\n"), "\n}\n")
  file:close()
end

-- One whose origin is another is deleted, and cloned anew.
function M.update()
  for _, plugin in pairs(M.plugins) do
    if origin(plugin) ~= plugin.url then
      vim.fn.delete(plugin.dir, "rf")
      git({ "clone", "--filter=blob:none", "--", plugin.url, plugin.dir })
    elseif git({ "fetch", "--recurse-submodules", "--tags", "--force" }, plugin.dir) then
      git({ "checkout", (select(2, target(plugin))) }, plugin.dir)
    end
  end
  M.lock()
end

function M.setup(opts)
  M.options = vim.tbl_deep_extend("force", {
    root = vim.fn.stdpath("data") .. "/lazy",
    lockfile = vim.fn.stdpath("config") .. "/lazy-lock.json",
    git = { url_format = "https://github.com/%s.git" },
    checker = { enabled = false },
    performance = { rtp = { paths = {} } },
  }, opts)
  vim.go.loadplugins = false
  vim.opt.rtp = { vim.fn.stdpath("config"), vim.env.VIMRUNTIME, unpack(M.options.performance.rtp.paths) }
  add({ "folke/lazy.nvim" })
  vim.iter(M.options.spec):each(add)
  local missing = false
  for _, plugin in pairs(M.plugins) do
    if not uv.fs_stat(plugin.dir) then
      missing = git({ "clone", "--filter=blob:none", "--", plugin.url, plugin.dir }) or missing
    elseif M.options.checker.enabled then
      git({ "fetch" }, plugin.dir)
    end
  end
  if missing then
    M.lock()
  end
end

return M
