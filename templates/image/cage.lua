-- LazyVim in a cage: plugins and parsers are the image's, and nothing is fetched at the start. ':Lazy', ':Mason' and
-- ':TSInstall' fetch when they are asked to. 'optional' adds no plugin: a row that image/nvim-plugins lacks stays out.
return {
  {
    "mason-org/mason.nvim",
    optional = true,
    opts = function(_, opts)
      opts.ensure_installed = {}
      -- It asks for its list of packages whenever it is loaded. From then on it asks when a command needs the list.
      opts.registry_cache = { refresh = false }
      vim.schedule(function()
        require("mason.settings").current.registry_cache.refresh = true
      end)
    end,
  },
  {
    "nvim-treesitter/nvim-treesitter",
    optional = true,
    opts = function(_, opts)
      opts.ensure_installed = {}
      opts.install_dir = "/opt/lazyvim/site"
    end,
  },
  { "neovim/nvim-lspconfig", optional = true, opts = { servers = { lua_ls = { enabled = false } } } },
  { "saghen/blink.cmp", optional = true, opts = { fuzzy = { implementation = "lua" } } },
}
